//! Amazon Web Services: the Lambda host, and secrets, objects and queues.

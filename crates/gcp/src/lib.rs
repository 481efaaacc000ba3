//! Google Cloud: what Cloud Run adds to the HTTP host, and secrets, objects and queues.

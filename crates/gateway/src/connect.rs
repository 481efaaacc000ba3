//! How a source is reached: its declaration and the credential for a call.

//! The life of one API request: verify, admit, authorize, send, sanitize, reply.
//!
//! The host turns its event into an [`inbound::Inbound`] and writes back a [`reply::Reply`]. Everything
//! between is here; what touches the outside (time, secrets) comes in through [`ports`].

pub mod access;
pub mod connect;
pub mod egress;
pub mod inbound;
pub mod ports;
pub mod refusal;
pub mod reply;

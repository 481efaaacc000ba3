//! The life of one API request: verify, admit, authorize, send, sanitize, reply.
//!
//! The host turns its event into an [`inbound::Inbound`] and writes back a [`reply::Reply`]. Everything
//! between is here; what touches the outside (time, secrets) comes in through [`ports`].

pub mod access;
mod admit;
mod audit;
pub mod codes;
pub mod connect;
mod control;
pub mod egress;
pub mod gateway;
mod health;
pub mod inbound;
mod keys;
pub mod lacking;
pub mod panics;
pub mod ports;
pub mod refusal;
pub mod reply;
pub mod request_id;
mod sanitize;
mod send;
pub mod time;
mod upstream;

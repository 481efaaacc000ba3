//! `hushgate connection` and `hushgate vault`, run as a person runs them: real processes, real files,
//! vendors on loopback.

mod bad_input;
mod beside;
mod functions;
mod interrupted;
mod keys;
mod mechanisms;
mod page;
mod terminal;
mod unsaved;
mod vault;

//! What all black-box tests share.

pub(crate) mod canned;
pub(crate) mod function;
pub(crate) mod identifiers;
pub(crate) mod raw;
pub(crate) mod world;

pub(crate) use world::World;

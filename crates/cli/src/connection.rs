//! `hushgate connection`: links from this deployment to accounts at sources.

pub mod web;

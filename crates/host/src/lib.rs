//! Runs a function: configuration, stores of one machine, HTTP server, what clouds add, start and stop.
//!
//! [`run`](run()) is all that a function's `main` calls, through the macro [`function!`].

mod arguments;
mod assemble;
mod check;
pub mod cloud;
pub mod config;
pub mod connection;
mod document;
pub mod logs;
pub mod objects;
pub mod platform;
pub mod queue;
mod run;
pub mod server;
pub mod sigv4;
mod start;
pub mod store;

pub use assemble::{BuiltIn, assemble, host_of, tls_floor};
pub use check::{check_policy, check_rules};
pub use mimalloc::MiMalloc;
pub use run::{Prepared, prepare, run, run_with};

/// Makes the `main` of one source's function, from the source's folder under `rules/`, for the clouds
/// that it is built for.
///
/// The declaration and the rules become part of the program, so what a function does is fixed when
/// it is built. The package's build script packs the rules into its `OUT_DIR`, as `<source>.rules`.
#[macro_export]
macro_rules! function {
    ($id:literal, $clouds:expr) => {
        #[global_allocator]
        static ALLOCATOR: $crate::MiMalloc = $crate::MiMalloc;

        static BUILT_IN: $crate::BuiltIn = $crate::BuiltIn {
            id: $id,
            source_yaml: include_str!(concat!("../../rules/", $id, "/source.yaml")),
            rules_yaml: include_str!(concat!("../../rules/", $id, "/rules.yaml")),
            rules_packed: include_bytes!(concat!(env!("OUT_DIR"), "/", $id, ".rules")),
            clouds: $clouds,
        };

        fn main() -> ::std::process::ExitCode {
            $crate::run(&BUILT_IN)
        }
    };
}

//! What a function's program takes on its command line: nothing but the question what it is.

use std::ffi::OsString;

use crate::assemble::BuiltIn;
use crate::config::table;

/// What a program was started for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To serve.
    Serve,
    /// To say this.
    Say(String),
    /// For something that a function does not do; why.
    Refuse(String),
}

impl Asked {
    /// Reads the arguments behind the program's name.
    ///
    /// On Lambda they are the platform's: some ways to start a container hand over the name of a handler.
    pub(crate) fn of(
        mut arguments: impl Iterator<Item = OsString>,
        built_in: &BuiltIn,
        on_lambda: bool,
    ) -> Self {
        if on_lambda {
            return Self::Serve;
        }
        let Some(first) = arguments.next() else {
            return Self::Serve;
        };
        match first.to_str() {
            Some("--help" | "-h") => Self::Say(help(built_in)),
            Some("--version" | "-V") => Self::Say(version(built_in)),
            // Not repeated: it may be a secret in the wrong place.
            _ => Self::Refuse(
                "unknown argument: a function is configured by environment variables only; \
                 allowed: `--help`, which lists them, and `--version`"
                    .to_owned(),
            ),
        }
    }
}

fn version(built_in: &BuiltIn) -> String {
    let clouds: Vec<_> = built_in.clouds.0.iter().map(|c| c.name()).collect();
    let built_for = if clouds.is_empty() {
        String::new()
    } else {
        format!(", built for {}", clouds.join(" and "))
    };
    format!(
        "hushgate function {} {}{built_for}",
        built_in.id,
        env!("CARGO_PKG_VERSION")
    )
}

fn help(built_in: &BuiltIn) -> String {
    format!(
        "{}\n\n\
         Started without arguments it serves until SIGTERM. It is configured by these environment variables;\n\
         `hushgate config --check` checks them.\n\n{}",
        version(built_in),
        table().trim_end()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Clouds;

    const ZOOM: BuiltIn = BuiltIn {
        id: "zoom",
        source_yaml: "",
        rules_yaml: "",
        rules_packed: &[],
        clouds: Clouds::NONE,
    };

    fn of(arguments: &[&str]) -> Asked {
        Asked::of(arguments.iter().map(OsString::from), &ZOOM, false)
    }

    #[test]
    fn serves_without_arguments_only_and_repeats_none() {
        assert_eq!(of(&[]), Asked::Serve);
        for wrong in ["serve", "--port=1", "--HELP", "geheim", ""] {
            let Asked::Refuse(told) = of(&[wrong, "--help"]) else {
                panic!("{wrong}");
            };
            assert!(
                told.contains("--help") && !told.contains("geheim"),
                "{told}"
            );
        }
    }

    #[test]
    fn says_what_it_is_and_what_configures_it() {
        let version = concat!("hushgate function zoom ", env!("CARGO_PKG_VERSION"));
        for argument in ["--version", "-V"] {
            assert_eq!(of(&[argument]), Asked::Say(version.to_owned()));
        }
        for argument in ["--help", "-h"] {
            let Asked::Say(told) = of(&[argument]) else {
                panic!("{argument}");
            };
            assert!(told.starts_with(version), "{told}");
            assert!(told.contains("HUSHGATE_ACCESS") && told.contains("PORT"));
        }
    }

    #[test]
    fn arguments_on_lambda_are_the_platform_s() {
        let handler = [OsString::from("zoom.handler")].into_iter();
        assert_eq!(Asked::of(handler, &ZOOM, true), Asked::Serve);
    }
}

//! Stable codes of errors as tables, so that none is without documentation and none is documented only.

/// A stable code, what it means, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The code, in kebab case.
    pub code: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// The next step.
    pub next: &'static str,
}

impl Known {
    /// The code's row of a Markdown table.
    pub fn row(&self) -> String {
        format!("| `{}` | {} | {} |\n", self.code, self.meaning, self.next)
    }
}

/// Makes an enum of codes and the table of all of them. Keep it private to its crate: then the compiler
/// tells a code that nothing uses any more.
///
/// With a meaning and a next step for each code the table is `TABLE`, of [`Known`]; without, where the
/// documentation is written by hand, it is `ALL`, of texts.
#[macro_export]
macro_rules! codes {
    ($(#[$about:meta])* $vis:vis enum $name:ident {
        $($variant:ident = $code:literal, $meaning:literal, $next:literal;)+
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name { $(#[doc = $meaning] $variant,)+ }

        impl $name {
            /// Every code, in the order of the documentation.
            $vis const TABLE: &'static [$crate::codes::Known] = &[
                $($crate::codes::Known { code: $code, meaning: $meaning, next: $next },)+
            ];

            /// The code with its meaning and the next step.
            $vis const fn known(self) -> &'static $crate::codes::Known {
                match self {
                    $(Self::$variant => &$crate::codes::Known { code: $code, meaning: $meaning, next: $next },)+
                }
            }
        }
    };
    ($(#[$about:meta])* $vis:vis enum $name:ident { $($variant:ident = $code:literal;)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        $vis enum $name { $(#[doc = $code] $variant,)+ }

        impl $name {
            /// Every code.
            $vis const ALL: &'static [&'static str] = &[$($code,)+];

            /// The code.
            $vis const fn text(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

//! One automaton for equal patterns of one rule set: rules repeat them at every endpoint.

use std::cell::RefCell;
use std::collections::HashMap;

use super::{Flags, Pattern, PatternError};

type Patterns = HashMap<(Flags, bool), HashMap<Box<str>, Pattern>>;

thread_local! {
    static SHARED: RefCell<Option<Patterns>> = const { RefCell::new(None) };
}

/// Does `work`, in which equal patterns that this thread makes are made once.
pub(crate) fn sharing<T>(work: impl FnOnce() -> T) -> T {
    /// Forgets the patterns however `work` ends.
    struct Scope;
    impl Drop for Scope {
        fn drop(&mut self) {
            SHARED.set(None);
        }
    }
    SHARED.set(Some(Patterns::new()));
    let _scope = Scope;
    work()
}

/// The pattern if it was made before within [`sharing`], else what `compile` makes.
pub(super) fn or_compile(
    source: &str,
    flags: Flags,
    whole: bool,
    compile: impl FnOnce(&str, Flags, bool) -> Result<Pattern, PatternError>,
) -> Result<Pattern, PatternError> {
    let known = SHARED.with_borrow(|shared| {
        let patterns = shared.as_ref()?.get(&(flags, whole))?;
        patterns.get(source).cloned()
    });
    if let Some(pattern) = known {
        return Ok(pattern);
    }
    let pattern = compile(source, flags, whole)?;
    SHARED.with_borrow_mut(|shared| {
        if let Some(patterns) = shared {
            let patterns = patterns.entry((flags, whole)).or_default();
            patterns.insert(source.into(), pattern.clone());
        }
    });
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::sharing;
    use crate::pattern::{Flags, Pattern};
    use std::sync::Arc;

    #[test]
    fn shares_equal_patterns_only_and_only_within_the_scope() {
        let (one, same, folded, whole) = sharing(|| {
            let folded = Pattern::find_with("a+", Flags::IGNORE_CASE).unwrap();
            let whole = Pattern::whole("a+").unwrap();
            (
                Pattern::find("a+").unwrap(),
                Pattern::find("a+").unwrap(),
                folded,
                whole,
            )
        });
        let later = Pattern::find("a+").unwrap();
        assert!(Arc::ptr_eq(&one.0, &same.0));
        assert!(!Arc::ptr_eq(&one.0, &later.0));
        assert_eq!(one.is_match("bA"), Ok(false));
        assert_eq!(folded.is_match("bA"), Ok(true));
        assert_eq!(whole.is_match("ba"), Ok(false));
        assert_eq!(one.is_match("ba"), Ok(true));
    }
}

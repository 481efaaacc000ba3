//! The function of source `gcal`.

hushgate_host::function!("gcal", hushgate_functions::CLOUDS);

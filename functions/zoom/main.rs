//! The function of source `zoom`.

hushgate_host::function!("zoom", hushgate_functions::CLOUDS);

//! The function of source `zoom`.

hushgate_host::function!("zoom");

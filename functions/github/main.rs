//! The function of source `github`.

hushgate_host::function!("github");

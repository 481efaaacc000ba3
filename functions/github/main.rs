//! The function of source `github`.

hushgate_host::function!("github", hushgate_functions::CLOUDS);

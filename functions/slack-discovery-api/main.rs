//! The function of source `slack-discovery-api`.

hushgate_host::function!("slack-discovery-api", hushgate_functions::CLOUDS);

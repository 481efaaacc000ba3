//! The function of source `salesforce`.

hushgate_host::function!("salesforce", hushgate_functions::CLOUDS);

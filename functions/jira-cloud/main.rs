//! The function of source `jira-cloud`.

hushgate_host::function!("jira-cloud", hushgate_functions::CLOUDS);

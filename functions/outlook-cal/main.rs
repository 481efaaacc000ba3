//! The function of source `outlook-cal`.

hushgate_host::function!("outlook-cal", hushgate_functions::CLOUDS);

//! Who is calling: workload tokens, the access policy, address limits.

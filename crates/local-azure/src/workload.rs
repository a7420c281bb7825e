//! AKS workload identity: a local cluster that signs projected service account tokens.

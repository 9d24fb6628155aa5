//! The `kube-apiserver` command.

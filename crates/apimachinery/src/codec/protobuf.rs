//! Protobuf, to and from canonical trees.

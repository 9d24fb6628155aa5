//! Codecs: JSON, YAML and protobuf, to and from canonical trees and straight from bytes to bytes.

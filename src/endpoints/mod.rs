//! The endpoints: negotiation, decoding and the verbs, between the filters and the registry.

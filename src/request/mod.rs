//! What a request is: its `RequestInfo`, who sent it, and the evidence that it was checked.

//! Signed tokens, made by hand: right ones and all kinds of wrong ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::KeyPair;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use serde_json::{Value, json};

/// A key on the curve P-256.
pub(crate) struct Key {
    pkcs8: Vec<u8>,
    /// The public key, PEM.
    pub(crate) public_pem: String,
    /// The public key, DER.
    pub(crate) public_der: Vec<u8>,
    /// The private key, PEM.
    pub(crate) private_pem: String,
}

/// In base64url, without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A part of a token, read.
pub(crate) fn part(token: &str, at: usize) -> Value {
    let text = token.split('.').nth(at).expect("three parts");
    let bytes = URL_SAFE_NO_PAD.decode(text).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// A header and claims, without a signature.
pub(crate) fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}", encode(header), encode(claims))
}

impl Key {
    pub(crate) fn new() -> Key {
        let pair = KeyPair::generate().expect("ring makes such keys");
        Key {
            pkcs8: pair.serialize_der(),
            public_pem: pair.public_key_pem(),
            public_der: rcgen::PublicKeyData::subject_public_key_info(&pair),
            private_pem: pair.serialize_pem(),
        }
    }

    /// A token as the server would make it.
    pub(crate) fn token(&self, header: &Value, claims: &Value) -> String {
        self.sign(&unsigned(&header.to_string(), &claims.to_string()))
    }

    /// What is to be signed, with its signature.
    pub(crate) fn sign(&self, text: &str) -> String {
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8, &SystemRandom::new());
        let signature =
            pair.expect("a key").sign(&SystemRandom::new(), text.as_bytes()).expect("a signature");
        format!("{text}.{}", encode(signature))
    }

    /// The same with the signature in the form that certificates have, and tokens not.
    pub(crate) fn sign_in_asn1(&self, text: &str) -> String {
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.pkcs8, &SystemRandom::new());
        let signature =
            pair.expect("a key").sign(&SystemRandom::new(), text.as_bytes()).expect("a signature");
        format!("{text}.{}", encode(signature))
    }

    /// The public key as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8, &SystemRandom::new());
        let point = pair.expect("a key").public_key().as_ref().to_vec();
        json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])})
    }
}

/// A token that is signed with a secret.
pub(crate) fn with_secret(header: &str, claims: &str, secret: &[u8]) -> String {
    let text = unsigned(header, claims);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    let signature = encode(ring::hmac::sign(&key, text.as_bytes()));
    format!("{text}.{signature}")
}

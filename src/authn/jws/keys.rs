//! The keys that sign and verify tokens: RSA, and ECDSA over P-256 and P-384.
//!
//! Keys are read from PEM as kube-apiserver reads them: PKCS #1, PKCS #8 and SEC 1 private keys, public keys and
//! certificates; what else is in a file is passed over. The cryptography is *ring*'s.
//!
//! Source: RFC 7515 (JWS), RFC 7517 (JWK), RFC 7518 (algorithms), RFC 5915, RFC 8017.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm};
use serde::Serialize;
use sha2::{Digest, Sha256};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::der::{self, Reader};

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];

/// Why there is no key in a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No block of the file is a private key.
    #[error("data does not contain a valid RSA or ECDSA private key")]
    NoPrivateKey,
    /// No block of the file is a key or certificate.
    #[error("data does not contain any valid RSA or ECDSA public keys")]
    NoPublicKey,
    /// A key of a kind that can't be used.
    #[error("a key over the curve P-521 (ES512) is not supported by this version of Keelson")]
    P521,
    /// A key that can't sign.
    #[error("unusable private key: {0}")]
    Rejected(String),
}

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
}

impl Curve {
    fn oid(self) -> &'static [u8] {
        match self {
            Curve::P256 => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
            Curve::P384 => &[0x2b, 0x81, 0x04, 0x00, 0x22],
        }
    }

    /// The curve of this object identifier; `None` where it is none that Kubernetes uses.
    fn of(oid: &[u8]) -> Result<Option<Self>, KeyError> {
        if oid == P521 {
            return Err(KeyError::P521);
        }
        Ok([Curve::P256, Curve::P384].into_iter().find(|curve| curve.oid() == oid))
    }

    fn name(self) -> &'static str {
        match self {
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
        }
    }

    fn algorithm(self) -> &'static str {
        match self {
            Curve::P256 => "ES256",
            Curve::P384 => "ES384",
        }
    }

    /// The bytes of a coordinate.
    fn size(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Public {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The point without compression.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
}

/// A key that verifies tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    id: String,
    public: Public,
}

impl PublicKey {
    fn new(public: Public) -> Self {
        let information = match &public {
            Public::Rsa { .. } => {
                let algorithm = [der::element(der::OBJECT_IDENTIFIER, &[RSA]), der::element(der::NULL, &[])];
                subject_public_key_info(&algorithm, &public.bytes())
            }
            Public::Ec { curve, point } => {
                let algorithm = [EC, curve.oid()].map(|oid| der::element(der::OBJECT_IDENTIFIER, &[oid]));
                subject_public_key_info(&algorithm, point)
            }
        };
        PublicKey { id: URL_SAFE_NO_PAD.encode(Sha256::digest(information)), public }
    }

    /// An RSA key of these numbers, the most significant byte first; `None` where one of them is 0.
    pub(in crate::authn) fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let number = |bytes: &[u8]| {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            Some(bytes[zeros..].to_vec()).filter(|bytes| !bytes.is_empty())
        };
        Some(Self::new(Public::Rsa { modulus: number(modulus)?, exponent: number(exponent)? }))
    }

    /// A key over the curve of this JWK name at the point (`x`, `y`); `None` where the curve is not one that can
    /// be used, or the coordinates are none of it.
    pub(in crate::authn) fn ecdsa(curve: &str, x: &[u8], y: &[u8]) -> Option<Self> {
        let curve = [Curve::P256, Curve::P384].into_iter().find(|known| known.name() == curve)?;
        let whole = x.len() == curve.size() && y.len() == curve.size();
        whole.then(|| Self::new(Public::Ec { curve, point: [&[4], x, y].concat() }))
    }

    /// What tokens name the key by: the SHA-256 of its DER form.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What new tokens are signed with by this key's owner.
    fn algorithm(&self) -> &'static str {
        match &self.public {
            Public::Rsa { .. } => "RS256",
            Public::Ec { curve, .. } => curve.algorithm(),
        }
    }

    /// Whether the owner of this key signed `message` by a JWS `algorithm`.
    pub(in crate::authn) fn verifies(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let verifier: &'static dyn VerificationAlgorithm = match (&self.public, algorithm) {
            (Public::Rsa { .. }, "RS256") => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Public::Rsa { .. }, "RS384") => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Public::Rsa { .. }, "RS512") => &signature::RSA_PKCS1_2048_8192_SHA512,
            (Public::Rsa { .. }, "PS256") => &signature::RSA_PSS_2048_8192_SHA256,
            (Public::Rsa { .. }, "PS384") => &signature::RSA_PSS_2048_8192_SHA384,
            (Public::Rsa { .. }, "PS512") => &signature::RSA_PSS_2048_8192_SHA512,
            (Public::Ec { curve: Curve::P256, .. }, "ES256") => &signature::ECDSA_P256_SHA256_FIXED,
            (Public::Ec { curve: Curve::P384, .. }, "ES384") => &signature::ECDSA_P384_SHA384_FIXED,
            _ => return false,
        };
        UnparsedPublicKey::new(verifier, self.public.bytes()).verify(message, signature).is_ok()
    }

    fn web_key(&self) -> WebKey<'_> {
        let encode = |bytes: &[u8]| Some(URL_SAFE_NO_PAD.encode(bytes));
        let key = WebKey { purpose: "sig", kid: &self.id, alg: self.algorithm(), ..WebKey::default() };
        match &self.public {
            Public::Rsa { modulus, exponent } => {
                WebKey { kty: "RSA", n: encode(modulus), e: encode(exponent), ..key }
            }
            Public::Ec { curve, point } => {
                let (x, y) = point[1..].split_at(curve.size());
                WebKey { kty: "EC", crv: Some(curve.name()), x: encode(x), y: encode(y), ..key }
            }
        }
    }
}

impl Public {
    /// As *ring* takes it.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Public::Rsa { modulus, exponent } => {
                der::element(der::SEQUENCE, &[&der::positive(modulus), &der::positive(exponent)])
            }
            Public::Ec { point, .. } => point.clone(),
        }
    }
}

fn subject_public_key_info(algorithm: &[Vec<u8>; 2], key: &[u8]) -> Vec<u8> {
    let algorithm = der::element(der::SEQUENCE, &[&algorithm[0], &algorithm[1]]);
    der::element(der::SEQUENCE, &[&algorithm, &der::element(der::BIT_STRING, &[&[0], key])])
}

/// A JSON Web Key, with its members in the order that kube-apiserver writes them in.
#[derive(Serialize, Default)]
struct WebKey<'a> {
    #[serde(rename = "use")]
    purpose: &'static str,
    kty: &'static str,
    kid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<&'static str>,
    alg: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
}

#[derive(Serialize)]
struct WebKeySet<'a> {
    keys: Vec<WebKey<'a>>,
}

/// The keys that verify tokens.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys {
    keys: Vec<PublicKey>,
}

impl PublicKeys {
    /// Adds the keys of a PEM text: public keys, certificates, and private keys, of which the public part is
    /// taken.
    ///
    /// # Errors
    /// [`KeyError::NoPublicKey`], [`KeyError::P521`].
    pub fn add(&mut self, pem: &[u8]) -> Result<(), KeyError> {
        let mut found = Vec::new();
        for block in blocks(pem) {
            let private = || Ok::<_, KeyError>(Private::read(&block.contents)?.map(|key| key.public));
            if let Some(public) = match private()? {
                Some(public) => Some(public),
                None => public(&block.contents)?,
            } {
                found.push(PublicKey::new(public));
            }
        }
        if found.is_empty() {
            return Err(KeyError::NoPublicKey);
        }
        self.keys.extend(found);
        Ok(())
    }

    /// The keys that a token by `id` may be signed with: all of them where it is empty.
    pub(in crate::authn) fn named<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a PublicKey> {
        self.keys.iter().filter(move |key| id.is_empty() || key.id == id)
    }

    /// The JWS algorithms of the keys' owners, in order.
    pub(in crate::authn) fn algorithms(&self) -> BTreeSet<&'static str> {
        self.keys.iter().map(PublicKey::algorithm).collect()
    }

    /// The JSON Web Key Set.
    pub(in crate::authn) fn web_key_set(&self) -> serde_json::Result<String> {
        serde_json::to_string(&WebKeySet { keys: self.keys.iter().map(PublicKey::web_key).collect() })
    }
}

/// The key that signs tokens.
pub struct SigningKey {
    public: PublicKey,
    pair: Pair,
    /// The header of its tokens, encoded.
    header: String,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
}

impl SigningKey {
    /// The first private key of a PEM text.
    ///
    /// # Errors
    /// [`KeyError`], where there is none or where it can't sign: RSA keys must have 2048 to 4096 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        for block in blocks(pem) {
            if !matches!(block.label.as_str(), "EC PRIVATE KEY" | "RSA PRIVATE KEY" | "PRIVATE KEY") {
                continue;
            }
            let Some(key) = Private::read(&block.contents)? else { continue };
            let rejected = |why: ring::error::KeyRejected| KeyError::Rejected(why.to_string());
            let pair = match (&key.public, &key.secret) {
                (Public::Ec { curve, point }, Secret::Ec(scalar)) => {
                    let algorithm = match curve {
                        Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
                        Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
                    };
                    let random = SystemRandom::new();
                    let pair =
                        EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, point, &random);
                    Pair::Ec(Box::new(pair.map_err(rejected)?))
                }
                (_, Secret::Rsa(der)) => Pair::Rsa(Box::new(RsaKeyPair::from_der(der).map_err(rejected)?)),
                (Public::Rsa { .. }, Secret::Ec(_)) => continue,
            };
            let public = PublicKey::new(key.public);
            let header = format!(r#"{{"alg":"{}","kid":"{}"}}"#, public.algorithm(), public.id);
            return Ok(SigningKey { public, pair, header: URL_SAFE_NO_PAD.encode(header) });
        }
        Err(KeyError::NoPrivateKey)
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A token with this payload, which is JSON. `None` where the system has no randomness. Takes about a
    /// millisecond with RSA.
    pub(in crate::authn) fn sign(&self, payload: &[u8]) -> Option<String> {
        let mut token = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(payload));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let message = token.as_bytes();
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, token.as_bytes()).ok()?.as_ref().to_vec(),
        };
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.public.id).finish_non_exhaustive()
    }
}

/// A private key as it stands in a file.
struct Private {
    public: Public,
    secret: Secret,
}

enum Secret {
    /// PKCS #1.
    Rsa(Vec<u8>),
    /// The scalar.
    Ec(Vec<u8>),
}

impl Private {
    /// A private key in one of its three forms; `None` where it is none.
    fn read(bytes: &[u8]) -> Result<Option<Self>, KeyError> {
        if let Some(key) = Self::pkcs1(bytes) {
            return Ok(Some(key));
        }
        match Self::pkcs8(bytes)? {
            Some(key) => Ok(Some(key)),
            None => Self::sec1(bytes, None),
        }
    }

    fn pkcs1(bytes: &[u8]) -> Option<Self> {
        let mut fields = Reader::of_sequence(bytes)?;
        let version = fields.take(der::INTEGER)?;
        let (modulus, exponent) = (fields.positive()?.to_vec(), fields.positive()?.to_vec());
        // The private exponent, two primes, two exponents, and a coefficient follow.
        let complete = version == [0] && (0..6).all(|_| fields.positive().is_some());
        complete.then(|| Private {
            public: Public::Rsa { modulus, exponent },
            secret: Secret::Rsa(bytes.to_vec()),
        })
    }

    fn pkcs8(bytes: &[u8]) -> Result<Option<Self>, KeyError> {
        let parts = || {
            let mut fields = Reader::of_sequence(bytes)?;
            fields.take(der::INTEGER)?;
            let mut algorithm = Reader::new(fields.take(der::SEQUENCE)?);
            let kind = algorithm.take(der::OBJECT_IDENTIFIER)?;
            Some((kind, algorithm.take(der::OBJECT_IDENTIFIER), fields.take(der::OCTET_STRING)?))
        };
        match parts() {
            Some((RSA, _, key)) => Ok(Self::pkcs1(key)),
            Some((EC, curve, key)) => Self::sec1(key, curve),
            _ => Ok(None),
        }
    }

    /// An elliptic curve's key; `curve` is what stands around it.
    fn sec1(bytes: &[u8], curve: Option<&[u8]>) -> Result<Option<Self>, KeyError> {
        let parts = || {
            let mut fields = Reader::of_sequence(bytes)?;
            if fields.take(der::INTEGER)? != [1] {
                return None;
            }
            let scalar = fields.take(der::OCTET_STRING)?;
            let own = fields.take(der::context(0)).and_then(|c| Reader::new(c).take(der::OBJECT_IDENTIFIER));
            let point = fields.take(der::context(1)).and_then(|c| Reader::new(c).bits());
            Some((scalar, own.or(curve)?, point))
        };
        let Some((scalar, curve, point)) = parts() else { return Ok(None) };
        let Some(curve) = Curve::of(curve)? else { return Ok(None) };
        let Some(public) = point.and_then(|point| ec(curve, point)) else {
            return Err(KeyError::Rejected("it does not hold its public key".to_owned()));
        };
        let zeros = vec![0; curve.size().saturating_sub(scalar.len())];
        Ok(Some(Private { public, secret: Secret::Ec([zeros, scalar.to_vec()].concat()) }))
    }
}

/// A public key, by itself or in a certificate.
fn public(bytes: &[u8]) -> Result<Option<Public>, KeyError> {
    let certified = X509Certificate::from_der(bytes).ok().map(|(_, certificate)| certificate);
    let information = certified.as_ref().map_or(bytes, |certificate| certificate.public_key().raw);
    let parts = || {
        let mut fields = Reader::of_sequence(information)?;
        let mut algorithm = Reader::new(fields.take(der::SEQUENCE)?);
        let kind = algorithm.take(der::OBJECT_IDENTIFIER)?;
        Some((kind, algorithm.take(der::OBJECT_IDENTIFIER), fields.bits()?))
    };
    Ok(match parts() {
        Some((RSA, _, key)) => rsa(key),
        Some((EC, Some(curve), point)) => Curve::of(curve)?.and_then(|curve| ec(curve, point)),
        _ => None,
    })
}

fn rsa(key: &[u8]) -> Option<Public> {
    let mut fields = Reader::of_sequence(key)?;
    Some(Public::Rsa { modulus: fields.positive()?.to_vec(), exponent: fields.positive()?.to_vec() })
}

fn ec(curve: Curve, point: &[u8]) -> Option<Public> {
    let plain = point.len() == 1 + 2 * curve.size() && point[0] == 4;
    plain.then(|| Public::Ec { curve, point: point.to_vec() })
}

/// The blocks of a PEM text, up to the first that is broken.
fn blocks(pem: &[u8]) -> impl Iterator<Item = Pem> {
    Pem::iter_from_buffer(pem).map_while(Result::ok)
}

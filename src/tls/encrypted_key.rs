//! Decrypts private keys that are protected by a password (PKCS#8 with PBES2, RFC 5958 and RFC 8018).

use std::path::Path;

use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode as _, Error as DerError, ErrorKind, Reader as _, SecretDocument, SliceReader};
use pkcs8::pkcs5::pbes2::{Kdf, PBES2_OID, Parameters};
use pkcs8::pkcs5::{EncryptionScheme, Error as SchemeError};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::error::TlsError;

/// Decrypts the first encrypted key of this PEM file. The path is for error messages.
///
/// What the key itself says is checked first, so that no password is asked for in vain.
pub(super) fn decrypt(pem: &str, path: &Path, password: Option<&[u8]>) -> Result<PrivateKeyDer<'static>, TlsError> {
    let damaged = |reason: String| TlsError::Invalid { path: path.into(), reason };
    let unsupported = |reason: String| TlsError::UnsupportedKeyEncryption { path: path.into(), reason };
    let section = section(pem).ok_or_else(|| damaged("its PEM is damaged: the key has no end".into()))?;
    let invalid = |error| damaged(format!("the encrypted private key is not valid: {error}"));
    let (_, document) = SecretDocument::from_pem(section).map_err(|error| match error.kind() {
        ErrorKind::Pem(error) => damaged(format!("its PEM is damaged: {error}")),
        _ => invalid(error),
    })?;
    let scheme = scheme(document.as_bytes()).map_err(invalid)?;
    if scheme != PBES2_OID {
        return Err(unsupported(format!("the algorithm {scheme} is not PBES2")));
    }
    let key = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|error| match error.kind() {
        ErrorKind::OidUnknown { oid } => unsupported(format!("the algorithm {oid} is not supported")),
        _ => invalid(error),
    })?;
    let EncryptionScheme::Pbes2(parameters) = &key.encryption_algorithm else {
        return Err(unsupported("it is not encrypted by PBES2".into()));
    };
    check_cost(parameters).map_err(unsupported)?;
    let password = password.ok_or_else(|| TlsError::EncryptedKey(path.into()))?;
    let decrypted = key.decrypt(password).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(SchemeError::UnsupportedAlgorithm { oid }) => {
            unsupported(format!("the algorithm {oid} is not supported"))
        }
        pkcs8::Error::EncryptedPrivateKey(SchemeError::AlgorithmParametersInvalid { oid }) => {
            damaged(format!("the parameters of the algorithm {oid} are not valid"))
        }
        _ => TlsError::WrongKeyPassword(path.into()),
    })?;
    // One in 256 wrong passwords leaves a padding that looks right, but no key in front of it.
    PrivateKeyInfoRef::from_der(decrypted.as_bytes()).map_err(|_| TlsError::WrongKeyPassword(path.into()))?;
    Ok(PrivatePkcs8KeyDer::from(decrypted.as_bytes().to_vec()).into())
}

/// The key from its first to its last line. Other things may stand before and after it.
fn section(pem: &str) -> Option<&str> {
    let section = &pem[pem.find(BEGIN)?..];
    let end = section.find(END)? + END.len();
    Some(&section[..end])
}

/// The algorithm that the key is encrypted with (RFC 5958 §3).
fn scheme(der: &[u8]) -> Result<ObjectIdentifier, DerError> {
    SliceReader::new(der)?.sequence(|reader| {
        let algorithm: AlgorithmIdentifierRef<'_> = reader.decode()?;
        let _data: &OctetStringRef = reader.decode()?;
        Ok(algorithm.oid)
    })
}

/// Refuses a key that would take too long, or too much memory, to decrypt.
fn check_cost(parameters: &Parameters) -> Result<(), String> {
    match &parameters.kdf {
        Kdf::Pbkdf2(pbkdf2) if pbkdf2.iteration_count > MAX_ITERATIONS => {
            Err(format!("{} iterations of PBKDF2 are more than {MAX_ITERATIONS}", pbkdf2.iteration_count))
        }
        Kdf::Scrypt(scrypt) => {
            let [blocks, lanes] = [scrypt.block_size, scrypt.parallelization].map(u64::from);
            if !scrypt.cost_parameter.is_power_of_two() || scrypt.cost_parameter == 1 || blocks == 0 || lanes == 0 {
                // RFC 7914 §2. The decryption below takes the logarithm of the cost, which zero does not have.
                return Err("the parameters of scrypt are not valid".into());
            }
            let bytes = scrypt.cost_parameter.saturating_mul(128 * blocks * lanes);
            if bytes > MAX_SCRYPT_BYTES {
                return Err(format!("scrypt over {bytes} bytes is more than over {MAX_SCRYPT_BYTES}"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";

/// "An iteration count of 10,000,000 may be appropriate" for especially critical keys (RFC 8018 §4.2): some seconds.
const MAX_ITERATIONS: u32 = 10_000_000;
/// Sixteen times what OpenSSL uses: about a second.
const MAX_SCRYPT_BYTES: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use pkcs8::der::Encode as _;
    use pkcs8::der::pem::LineEnding;
    use pkcs8::pkcs5::pbes2::{Pbkdf2Params, ScryptParams};
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    const PASSWORD: &[u8] = b"dartdart";

    fn decrypt_with(pem: &str, password: Option<&[u8]>) -> Result<Vec<u8>, String> {
        decrypt(pem, Path::new("key.pem"), password)
            .map(|key| key.secret_der().to_vec())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn keys_are_decrypted_as_openssl_encrypts_them() {
        let plain = PrivateKeyDer::from_pem_slice(PLAIN.as_bytes()).unwrap();
        let with_others =
            format!("Bag Attributes\n    friendlyName: a\nKey Attributes: <No Attributes>\n{DEFAULT}{PBES1}");
        let with_carriage_returns = DEFAULT.replace('\n', "\r\n");
        let table = [
            ("defaults", DEFAULT),
            ("-scrypt", SCRYPT),
            ("-v2 aes-128-cbc -v2prf hmacWithSHA512", AES_128),
            ("beside other things", &with_others),
            ("lines as on Windows", &with_carriage_returns),
        ];
        for (options, pem) in table {
            assert_eq!(decrypt_with(pem, Some(PASSWORD)).as_deref(), Ok(plain.secret_der()), "{options}");
        }
    }

    #[test]
    fn what_cannot_be_decrypted_has_a_reason() {
        let wrong = "the password does not decrypt the private key in key.pem";
        let missing = "the private key in key.pem is encrypted: give its password with --tls-key-password @FILE, or by \
            Tls::from_files_with_password";
        let torn = &DEFAULT[..DEFAULT.len() / 2];
        let not_base64 = DEFAULT.replace("MIGb", "****");
        let not_a_key = pem_of(b"\x30\x03\x02\x01\x00");
        let nothing = pem_of(b"");
        let table: [(&str, &str, Option<&[u8]>, &str); 15] = [
            ("no password", DEFAULT, None, missing),
            ("an empty password", DEFAULT, Some(b""), wrong),
            ("another password", DEFAULT, Some(b"dartdarT"), wrong),
            ("a password with its line break", DEFAULT, Some(b"dartdart\n"), wrong),
            ("another password, scrypt", SCRYPT, Some(b"dart"), wrong),
            ("the end is missing", torn, Some(PASSWORD), "cannot use key.pem: its PEM is damaged: the key has no end"),
            ("not Base64", &not_base64, Some(PASSWORD), "cannot use key.pem: its PEM is damaged: "),
            ("not PKCS#8", &not_a_key, Some(PASSWORD), "cannot use key.pem: the encrypted private key is not valid: "),
            ("empty", &nothing, Some(PASSWORD), "cannot use key.pem: "),
            (
                "-v1 PBE-MD5-DES",
                PBES1,
                None,
                "cannot decrypt the private key in key.pem: the algorithm 1.2.840.113549.1.5.3 is not PBES2",
            ),
            (
                "-v1 PBE-MD5-DES",
                PBES1,
                Some(PASSWORD),
                "cannot decrypt the private key in key.pem: the algorithm 1.2.840.113549.1.5.3 is not",
            ),
            ("-v1 PBE-SHA1-3DES", PKCS12, Some(PASSWORD), "cannot decrypt the private key in key.pem: the algorithm "),
            ("-v2 des3", DES3, Some(PASSWORD), "cannot decrypt the private key in key.pem: the algorithm "),
            ("-v2 camellia256", CAMELLIA, Some(PASSWORD), "cannot decrypt the private key in key.pem: the algorithm "),
            ("-v2prf hmacWithSHA1", SHA1, Some(PASSWORD), "cannot decrypt the private key in key.pem: the algorithm "),
        ];
        for (what, pem, password, expected) in table {
            let error = decrypt_with(pem, password).expect_err(what);
            assert!(error.starts_with(expected), "{what}: {error}");
            assert_eq!(error.lines().count(), 1, "{what}: {error}");
            assert!(!error.contains("dart"), "{what}: {error}");
            let is_unsupported = expected.starts_with("cannot decrypt");
            let conversion = "; convert it with: openssl pkcs8 -topk8 -in key.pem -out new-key.pem";
            assert_eq!(error.ends_with(conversion), is_unsupported, "{what}: {error}");
        }
    }

    /// One in 256 wrong passwords decrypts to something with a valid padding.
    #[test]
    fn each_of_a_thousand_wrong_passwords_is_told_so() {
        let cheap = Parameters::generate_pbkdf2_sha256_aes128cbc(1, b"saltsalt", [7; 16]).unwrap();
        let plain = PrivateKeyDer::from_pem_slice(PLAIN.as_bytes()).unwrap();
        let data = cheap.encrypt(PASSWORD, plain.secret_der()).unwrap();
        let pem = pem_of(&encrypted(cheap, &data));
        assert_eq!(decrypt_with(&pem, Some(PASSWORD)).as_deref(), Ok(plain.secret_der()));
        for number in 0..1000 {
            let error = decrypt_with(&pem, Some(format!("{number}").as_bytes())).unwrap_err();
            assert_eq!(error, "the password does not decrypt the private key in key.pem", "{number}");
        }
    }

    #[test]
    fn a_key_that_costs_too_much_is_refused_before_it_is_decrypted() {
        let pbkdf2 = |iterations: u32| -> Kdf {
            let params = Pbkdf2Params::hmac_sha256(1, b"saltsalt").unwrap();
            Pbkdf2Params { iteration_count: iterations, ..params }.into()
        };
        let scrypt = |cost_parameter: u64, block_size: u16, parallelization: u16| -> Kdf {
            let salt = b"saltsalt".as_slice().try_into().unwrap();
            ScryptParams { salt, cost_parameter, block_size, parallelization, key_length: None }.into()
        };
        let too_many = "iterations of PBKDF2 are more than 10000000";
        let (too_large, not_valid) = ("bytes is more than over 268435456", "the parameters of scrypt are not valid");
        let table = [
            (pbkdf2(10_000_000), None),
            (pbkdf2(10_000_001), Some(too_many)),
            (pbkdf2(u32::MAX), Some(too_many)),
            (scrypt(2, 1, 1), None),
            (scrypt(1 << 14, 8, 1), None),
            (scrypt(1 << 18, 8, 1), None),
            (scrypt(1 << 18, 8, 2), Some(too_large)),
            (scrypt(1 << 19, 8, 1), Some(too_large)),
            (scrypt(1 << 18, 9, 1), Some(too_large)),
            (scrypt(2, u16::MAX, u16::MAX), Some(too_large)),
            (scrypt(1 << 63, u16::MAX, u16::MAX), Some(too_large)),
            (scrypt(0, 8, 1), Some(not_valid)),
            (scrypt(1, 8, 1), Some(not_valid)),
            (scrypt(3, 8, 1), Some(not_valid)),
            (scrypt(2, 0, 1), Some(not_valid)),
            (scrypt(2, 8, 0), Some(not_valid)),
        ];
        let template = Parameters::generate_pbkdf2_sha256_aes128cbc(1, b"saltsalt", [7; 16]).unwrap();
        for (kdf, refused) in table {
            let pem = pem_of(&encrypted(Parameters { kdf: kdf.clone(), ..template.clone() }, &[0; 16]));
            // Without a password nothing is decrypted.
            let error = decrypt_with(&pem, None).unwrap_err();
            assert!(error.contains(refused.unwrap_or("is encrypted: give its password")), "{kdf:?}: {error}");
        }
    }

    fn encrypted(parameters: Parameters, data: &[u8]) -> Vec<u8> {
        let encryption_algorithm = EncryptionScheme::Pbes2(parameters);
        let encrypted_data = OctetStringRef::new(data).unwrap();
        EncryptedPrivateKeyInfoRef { encryption_algorithm, encrypted_data }.to_der().unwrap()
    }

    fn pem_of(der: &[u8]) -> String {
        pkcs8::der::pem::encode_string("ENCRYPTED PRIVATE KEY", LineEnding::LF, der).unwrap()
    }

    // An Ed25519 key for these tests only, and what OpenSSL 3.0 makes of it: `openssl pkcs8 -topk8 -passout pass:dartdart`.

    /// The key itself.
    const PLAIN: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MC4CAQAwBQYDK2VwBCIEINi1+5FMmSuzvTolThorlv91IH8f2OTgG/RC2wc7GygN\n\
-----END PRIVATE KEY-----\n";
    /// AES-256-CBC, PBKDF2 with HMAC-SHA-256.
    const DEFAULT: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhtoq3i6++3kQICCAAw\n\
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPBvz4w0pSX+5j0gnyssS3EEQGJK\n\
YOtRpildwVmdXOAESlxEzMl3h+cdUywzyMMik0HNYtFChdEUCy1OzmEBB42WFYA9\n\
VkPZW5LbqzxzmA36wEo=\n\
-----END ENCRYPTED PRIVATE KEY-----\n";
    /// `-scrypt`: N = 16384, r = 8, p = 1.
    const SCRYPT: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAjh56vAlhlNSQICQAAC\n\
AQgCAQEwHQYJYIZIAWUDBAEqBBA8mLpk5V38soG4rWB7W2rgBEDz5OexX3mfLcU1\n\
o+rFuW18WszRThVsoQqsWI4bpOWRZG9FvPcw8AH3wvnoqiFkwbUtyutCOGYOPl/D\n\
2PHpxMab\n\
-----END ENCRYPTED PRIVATE KEY-----\n";
    /// `-v2 aes-128-cbc -v2prf hmacWithSHA512`
    const AES_128: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiqHYTTw0Pv4AICCAAw\n\
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEAQIEEFebRNxNUIXCgBfnz5NUNFsEQMdT\n\
+lmfUpnYzBIEXwwECut0x4x7lBileI4yQycpyc3y/dopnkcjnuqgBvVNlq0hYy4x\n\
lsA4IyRjnmOv1pEBflI=\n\
-----END ENCRYPTED PRIVATE KEY-----\n";
    /// `-v2prf hmacWithSHA1`, the default of OpenSSL 1.0.
    const SHA1: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGNMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAhWt7OnfbeTdAICCAAw\n\
HQYJYIZIAWUDBAEqBBASLkNeVCOEpTTGzucHWkbQBEBIfwweceGFXFBY2M72K38j\n\
yvmDUuiv+gq2ONXlh+uye2j+AMK7ufpHfyEk4Dkx9CRCJeq/maaSauFqcw611EuW\n\
-----END ENCRYPTED PRIVATE KEY-----\n";
    /// `-v2 des3`
    const DES3: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGKME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAjg6g5xiPH1MQICCAAw\n\
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIDlEwuW8bMjYEOKBrRkEPerAxNrJd\n\
HRsapAwTOkcxvonxVjzdF19PRiY2RK2UfONxhf7YVOUgXJTcMTI/2CJLs1ML\n\
-----END ENCRYPTED PRIVATE KEY-----\n";
    /// `-v2 camellia256`
    const CAMELLIA: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MIGdMFkGCSqGSIb3DQEFDTBMMCkGCSqGSIb3DQEFDDAcBAj16aum5H9MxAICCAAw\n\
DAYIKoZIhvcNAgkFADAfBgsqgwiMmks9AQEBBAQQUGbma90krvbmaDMbh3q9zwRA\n\
YvRE7UFy8LVTnCvmMwP6kqq8LagqnxIg+9zMD+3jTj0pxh7SySOniCtAYzKX7g7d\n\
aCDVVgDcHiZYDswmyZv/oA==\n\
-----END ENCRYPTED PRIVATE KEY-----\n";
    /// `-v1 PBE-MD5-DES`
    const PBES1: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MFcwGwYJKoZIhvcNAQUDMA4ECPz9JMzb2hjvAgIIAAQ4KnPoJH+pph6AFAQDTuBh\n\
aehjoEakxbNYF42zhn74sR5TU+abhURauv8Nb8oKWO027W+7OMo36B0=\n\
-----END ENCRYPTED PRIVATE KEY-----\n";
    /// `-v1 PBE-SHA1-3DES`
    const PKCS12: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----\n\
MFgwHAYKKoZIhvcNAQwBAzAOBAit8+rcYj2HCQICCAAEOOjh5tax1ZOWBABqPic6\n\
1SH2aA7/EChtPqRIHn/HPDlZreoz8hlUXfmRh0C4jgcZZoEmSxxNV3kV\n\
-----END ENCRYPTED PRIVATE KEY-----\n";
}

//! Certificates are made once, used again, and made anew where they no longer do.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn names(dns: &[&str]) -> Names {
    Names {
        dns: dns.iter().map(ToString::to_string).collect(),
        addresses: BTreeSet::from([[127, 0, 0, 1].into()]),
    }
}

fn content(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a readable file")
}

fn directory() -> (tempfile::TempDir, CertificateDirectory) {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let directory = CertificateDirectory::new(temporary.path().join("certificates"));
    (temporary, directory)
}

#[test]
fn certificates_are_used_again() {
    let (_temporary, directory) = directory();
    let (files, trusted) = directory.serving(&names(&["localhost"])).expect("certificates");
    let administrator = directory.administrator().expect("certificates");
    let kubeconfig = directory.kubeconfig(&administrator, "https://a:1", &trusted).expect("a kubeconfig");
    let all = [&files.certificate, &files.key, &trusted, &administrator.authority, &kubeconfig];
    let first: Vec<String> = all.iter().map(|path| content(path)).collect();
    for path in all {
        let mode = std::fs::metadata(path).expect("it exists").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    assert!(content(&kubeconfig).contains("server: https://a:1\n"));

    directory.serving(&names(&["localhost"])).expect("certificates");
    let administrator = directory.administrator().expect("certificates");
    directory.kubeconfig(&administrator, "https://a:1", &trusted).expect("a kubeconfig");
    let second: Vec<String> = all.iter().map(|path| content(path)).collect();
    assert!(first == second, "nothing was made anew");
}

#[test]
fn a_new_name_takes_a_new_certificate_of_the_same_authority() {
    let (_temporary, directory) = directory();
    let (files, trusted) = directory.serving(&names(&["localhost"])).expect("certificates");
    let (before, authority) = (content(&files.certificate), content(&trusted));
    directory.serving(&names(&["localhost", "elsewhere"])).expect("certificates");
    assert_ne!(content(&files.certificate), before);
    assert_eq!(content(&trusted), authority);
    let made = CertificateDer::from_pem_file(&files.certificate).expect("a certificate");
    let (_, parsed) = X509Certificate::from_der(&made).expect("a certificate");
    assert_eq!(named(&parsed), Some(names(&["localhost", "elsewhere"])));
}

#[test]
fn what_does_not_fit_is_made_anew() {
    let (_temporary, directory) = directory();
    let wanted = names(&["localhost"]);
    let check = |spoil: &dyn Fn(&CertificateFiles)| {
        let (files, _) = directory.serving(&wanted).expect("certificates");
        let before = content(&files.certificate);
        spoil(&files);
        let (files, _) = directory.serving(&wanted).expect("certificates");
        assert_ne!(content(&files.certificate), before);
        assert!(usable(&files, RENEW_BEFORE_DAYS, &wanted).is_some());
    };
    check(&|files| std::fs::remove_file(&files.key).expect("removed"));
    check(&|files| std::fs::write(&files.certificate, "no certificate").expect("written"));
    check(&|files| {
        let other = KeyPair::generate().expect("a key").serialize_pem();
        std::fs::write(&files.key, other).expect("written");
    });
    check(&|_| std::fs::remove_file(directory.pair("server-ca").certificate).expect("removed"));
}

#[test]
fn certificates_that_run_out_soon_are_renewed() {
    let (_temporary, directory) = directory();
    let wanted = names(&["localhost"]);
    let (files, _) = directory.serving(&wanted).expect("certificates");
    assert!(usable(&files, RENEW_BEFORE_DAYS, &wanted).is_some());
    assert!(usable(&files, LEAF_DAYS + 1, &wanted).is_none());
    assert!(usable(&directory.pair("server-ca"), RENEW_AUTHORITY_BEFORE_DAYS, &Names::default()).is_some());
    assert!(usable(&directory.pair("server-ca"), AUTHORITY_DAYS + 1, &Names::default()).is_none());
}

#[test]
fn a_certificate_of_somebody_else_is_left_alone() {
    let (_temporary, directory) = directory();
    let (files, _) = directory.serving(&names(&["localhost"])).expect("certificates");
    std::fs::remove_file(directory.pair("server-ca").key).expect("removed");
    let before = content(&files.certificate);
    let (used, trusted) = directory.serving(&names(&["localhost", "elsewhere"])).expect("certificates");
    assert_eq!((content(&used.certificate), &trusted), (before, &used.certificate));
}

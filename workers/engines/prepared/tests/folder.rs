//! What is made once is found again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tempfile::TempDir;
use voicefleet_prepared::{Contents, Key, PreparedError, Temporary, find, keep, prepared};

/// A file with a line that is whole if it ends with a full stop.
struct Line {
    text: String,
    folder: PathBuf,
    temporary: Option<TempDir>,
}

impl Contents for Line {
    fn read(folder: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(folder.join("line"))?;
        if !text.ends_with('.') {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Self {
            text,
            folder: folder.to_owned(),
            temporary: None,
        })
    }
}

impl Temporary for Line {
    fn in_its_own(self, folder: TempDir) -> Self {
        Self {
            temporary: Some(folder),
            ..self
        }
    }
}

fn write(text: &str) -> impl FnOnce(&Path) -> Result<(), PreparedError> {
    move |folder| fs::write(folder.join("line"), text).map_err(PreparedError::at(folder))
}

fn not_again(_: &Path) -> Result<(), PreparedError> {
    panic!("it was made again")
}

/// A folder, and a model in it.
fn model() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model.bin");
    fs::write(&model, "weights").expect("a file");
    (folder, model)
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}

#[test]
fn what_is_kept_is_found_and_what_is_broken_is_made_anew() {
    let (folder, model) = model();
    let folder = folder.path().join("prepared");
    let this = Key::new(&model, "digest", "1").unwrap();
    assert!(find::<Line>(&folder, &this).is_none());
    let made: Line = prepared(&folder, &this, write("One.")).unwrap();
    assert_eq!(made.text, "One.");
    assert!(made.temporary.is_none());
    let found: Line = prepared(&folder, &this, not_again).unwrap();
    assert_eq!((found.text, found.folder), ("One.".to_owned(), made.folder));
    let other = Key::new(&model, "another digest", "1").unwrap();
    assert!(find::<Line>(&folder, &other).is_none());
    let kept: Line = keep(&folder, &other, write("Two.")).unwrap();
    assert_eq!(entries(&folder), 2);
    fs::write(kept.folder.join("line"), "broken").unwrap();
    assert!(find::<Line>(&folder, &other).is_none());
    let again: Line = prepared(&folder, &other, write("Three.")).unwrap();
    assert_eq!(again.text, "Three.");
    assert_eq!(entries(&folder), 2);
}

#[test]
fn another_model_or_version_is_another_thing() {
    let (folder, model) = model();
    let name = |digest: &str, version: &str| {
        let kept = folder.path().join("prepared");
        let key = Key::new(&model, digest, version).unwrap();
        let kept: Line = keep(&kept, &key, write(".")).unwrap();
        kept.folder
    };
    let first = name("digest", "1");
    assert_eq!(name("digest", "1"), first);
    assert_ne!(name("digest", "2"), first);
    assert_ne!(name("other", "1"), first);
    fs::write(&model, "other weights").unwrap();
    assert_ne!(name("digest", "1"), first);
    let missing = Key::new(&folder.path().join("missing.bin"), "", "1").err();
    assert!(missing.unwrap().to_string().contains("missing.bin"));
}

#[test]
fn what_cannot_be_made_leaves_nothing_behind() {
    let (folder, model) = model();
    let folder = folder.path().join("prepared");
    let key = Key::new(&model, "digest", "1").unwrap();
    let failing = |folder: &Path| {
        fs::write(folder.join("half"), "").unwrap();
        Err(PreparedError::at(folder)(io::ErrorKind::StorageFull.into()))
    };
    assert!(keep::<Line, PreparedError>(&folder, &key, failing).is_err());
    assert_eq!(entries(&folder), 0);
}

#[test]
fn where_nothing_can_be_kept_it_is_made_for_this_time() {
    let (folder, model) = model();
    let key = Key::new(&model, "digest", "1").unwrap();
    // A file lies where the folder would be.
    let folder = folder.path().join("model.bin");
    let made: Line = prepared(&folder, &key, write("One.")).unwrap();
    assert_eq!(made.text, "One.");
    let place = made.temporary.as_ref().unwrap().path().to_owned();
    assert!(place.exists());
    drop(made);
    assert!(!place.exists());
    assert!(keep::<Line, PreparedError>(&folder, &key, write("One.")).is_err());
}

#[test]
fn what_nobody_has_looked_for_for_long_is_removed_when_something_new_comes() {
    let (folder, model) = model();
    let folder = folder.path().join("prepared");
    let key = |version: &str| Key::new(&model, "digest", version).unwrap();
    let prepare = |version: &str| -> Line { prepared(&folder, &key(version), write(".")).unwrap() };
    prepare("1");
    prepare("2");
    for kept in fs::read_dir(&folder).unwrap() {
        let kept = fs::File::open(kept.unwrap().path()).unwrap();
        kept.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    prepare("1");
    assert_eq!(entries(&folder), 2);
    prepare("3");
    assert_eq!(entries(&folder), 2);
    let _: Line = prepared(&folder, &key("1"), not_again).unwrap();
}

#[test]
fn what_was_begun_and_never_finished_is_removed_before_something_new_is_made() {
    let (folder, model) = model();
    let folder = folder.path().join("prepared");
    for (begun, age) in [("making-killed", 2), ("making-now", 0)] {
        fs::create_dir_all(folder.join(begun)).unwrap();
        let begun = fs::File::open(folder.join(begun)).unwrap();
        let at = begun.metadata().unwrap().modified().unwrap() - Duration::from_hours(age);
        begun.set_modified(at).unwrap();
    }
    let key = Key::new(&model, "digest", "1").unwrap();
    let looks = |making: &Path| {
        assert!(!folder.join("making-killed").exists());
        write(".")(making)
    };
    let _: Line = prepared(&folder, &key, looks).unwrap();
    assert!(folder.join("making-now").exists());
    assert_eq!(entries(&folder), 2);
}

#[test]
fn what_cannot_be_put_where_it_is_looked_for_is_made_for_this_time() {
    let (folder, model) = model();
    let folder = folder.path().join("prepared");
    let key = Key::new(&model, "digest", "1").unwrap();
    let kept: Line = keep(&folder, &key, write(".")).unwrap();
    fs::remove_dir_all(&kept.folder).unwrap();
    // No folder takes the place of a file, as it would not that of somebody else's folder.
    fs::write(&kept.folder, "").unwrap();
    let made: Line = prepared(&folder, &key, write("One.")).unwrap();
    assert_eq!(made.text, "One.");
    assert!(made.temporary.is_some());
    drop(made);
    assert_eq!(entries(&folder), 1);
    assert!(keep::<Line, PreparedError>(&folder, &key, write("One.")).is_err());
    assert_eq!(entries(&folder), 1);
}

#[cfg(unix)]
#[test]
fn others_may_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, model) = model();
    let key = Key::new(&model, "digest", "1").unwrap();
    let kept: Line = keep(&folder.path().join("prepared"), &key, write(".")).unwrap();
    let mode = fs::metadata(&kept.folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
}

//! Taking files out of packages.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use flate2::read::GzDecoder;

/// Unpacks those of the archive's files whose paths are `wanted` into the folder `into`. Files that the
/// archive does not have are no error.
pub(super) fn unpack(archive: &Path, wanted: &BTreeSet<String>, into: &Path) -> io::Result<()> {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let file = File::open(archive)?;
    if name.ends_with(".whl") {
        unpack_zip(file, wanted, into)
    } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
        unpack_tar(GzDecoder::new(io::BufReader::new(file)), wanted, into)
    } else if name.ends_with(".tar") {
        unpack_tar(io::BufReader::new(file), wanted, into)
    } else {
        Err(io::Error::other(format!(
            "'{name}' is no archive that is known here"
        )))
    }
}

fn unpack_zip(file: File, wanted: &BTreeSet<String>, into: &Path) -> io::Result<()> {
    let mut archive = zip::ZipArchive::new(file)?;
    for path in wanted {
        match archive.by_name(path) {
            Ok(mut member) => write(&mut member, path, into)?,
            Err(zip::result::ZipError::FileNotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn unpack_tar(reader: impl Read, wanted: &BTreeSet<String>, into: &Path) -> io::Result<()> {
    for entry in tar::Archive::new(reader).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let path = path.strip_prefix("./").unwrap_or(&path);
        if entry.header().entry_type().is_file() && wanted.contains(path) {
            write(&mut entry, path, into)?;
        }
    }
    Ok(())
}

/// `path` is one of the manifest's, so it leads nowhere outside `into`.
fn write(member: &mut impl Read, path: &str, into: &Path) -> io::Result<()> {
    let target = into.join(path);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    io::copy(member, &mut File::create(target)?)?;
    Ok(())
}

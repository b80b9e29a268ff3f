//! Whether a manifest holds together.

use std::collections::HashSet;

use super::{Asset, FileEntry, Manifest, PackageMember, Set, Source, select::ALL};

/// The first thing that is wrong, in words.
pub(super) fn validate(manifest: &Manifest) -> Result<(), String> {
    let mut names = HashSet::from([ALL]);
    names.extend(Set::ALL.map(Set::name));
    let mut paths = HashSet::new();
    for asset in &manifest.assets {
        if !names.insert(&asset.name) {
            return Err(format!("the name '{}' is taken", asset.name));
        }
        check_asset(manifest, asset).map_err(|why| format!("asset '{}': {why}", asset.name))?;
        for file in &asset.files {
            if !paths.insert(&file.path) {
                return Err(format!("'{}' is listed twice", file.path));
            }
            check_file(manifest, file).map_err(|why| format!("'{}': {why}", file.path))?;
        }
    }
    Ok(())
}

fn check_asset(manifest: &Manifest, asset: &Asset) -> Result<(), String> {
    if let Some(missing) = (asset.requires.iter()).find(|name| manifest.asset(name).is_none()) {
        return Err(format!("it requires '{missing}', which does not exist"));
    }
    match &asset.model {
        Some(model) if asset.digest().is_none() => Err(format!(
            "its weights '{}' are not among its files",
            model.weights
        )),
        _ => Ok(()),
    }
}

fn check_file(manifest: &Manifest, file: &FileEntry) -> Result<(), String> {
    if !is_plain_path(&file.path) {
        return Err("a path must be relative and of plain ASCII names".to_owned());
    }
    if file.size == 0 {
        return Err("its size is 0".to_owned());
    }
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if file.sha256.len() != 64 || !file.sha256.bytes().all(is_hex) {
        return Err(format!("'{}' is not a SHA-256", file.sha256));
    }
    if file.sources.is_empty() {
        return Err("it has no source".to_owned());
    }
    file.sources
        .iter()
        .try_for_each(|source| check_source(manifest, source))
}

fn check_source(manifest: &Manifest, source: &Source) -> Result<(), String> {
    match source {
        Source::Url(url) if url.starts_with("https://") || url.starts_with("http://127.0.0.1:") => {
            Ok(())
        }
        Source::Url(url) => Err(format!("'{url}' is not an https address")),
        Source::BuiltIn(text) => match text {
            Some(_) => Ok(()),
            None => Err("a source is no file of the program".to_owned()),
        },
        Source::Packages(parts) if parts.is_empty() => Err("a source has no parts".to_owned()),
        Source::Packages(parts) => parts.iter().try_for_each(check_member),
        Source::Convert(conversion) => {
            for input in [&conversion.weights, &conversion.mel, &conversion.vocabulary] {
                let Some((_, file)) = manifest.file(input) else {
                    return Err(format!("it is made from '{input}', which does not exist"));
                };
                if (file.sources.iter()).any(|source| matches!(source, Source::Convert(_))) {
                    return Err(format!("it is made from '{input}', itself a conversion"));
                }
            }
            Ok(())
        }
    }
}

fn check_member(part: &PackageMember) -> Result<(), String> {
    if is_plain_path(&part.member) {
        Ok(())
    } else {
        Err(format!("'{}' is not a plain path", part.member))
    }
}

/// Relative, no `.` or `..`, and nothing that a shell, an URL or a file system reads differently.
fn is_plain_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    path.split('/')
        .all(|name| !matches!(name, "" | "." | "..") && name.bytes().all(plain))
}

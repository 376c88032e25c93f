use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{error, fmt, process};

use zeroize::Zeroizing;

use crate::validate::validate_id;
use crate::{Error, KeyStore, SigningKey};

const PREFIX: &str = "key-";
const SUFFIX: &str = ".json";
/// More than the length of a stored key, which has about 4 KiB.
const TRIAL_LENGTH: usize = 8 * 1024;

/// A [`KeyStore`] in a folder of one machine: one file for each key.
///
/// The file of a key is named `key-<ID>.json`, and contains [`SigningKey::to_json`]. If a file with such a name is not
/// a stored key, the load fails. Files with other names are left alone.
///
/// On Unix, only its owner can read a file (mode 0600), and [`prepare`](KeyStore::prepare) and [`save`](KeyStore::save)
/// create the folder with mode 0700 if its parent exists. On other systems, choose a folder that only the program's user
/// can read.
///
/// A key is written to a temporary file, synced, and then put in place without replacing anything, which needs a file
/// system with hard links. A crash can leave the temporary file behind, whose name ends with `.tmp`.
///
/// ```
/// use cloudflare_stream_keys::{FileStore, KeyStore};
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path().join("keys");
/// # let server = cloudflare_stream_keys::mock::FakeServer::start();
/// # let keys = server.signing_keys();
///
/// let mut store = FileStore::new(folder);
/// keys.create_in(&mut store)?;
/// assert_eq!(store.load()?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileStore {
    folder: PathBuf,
}

/// An error of a [`FileStore`]. Names the file, and contains none of its content. `Debug` prints the same line as
/// `Display`.
pub struct FileStoreError {
    path: PathBuf,
    cause: Cause,
}

enum Cause {
    Io(io::Error),
    /// The file is not a stored key, or the ID cannot be one.
    Invalid(Error),
    /// The file is not named after its key, whose ID is this.
    Misnamed(String),
    /// The file contains another key with the same ID.
    OtherKey,
}

impl FileStore {
    /// Creates a store in this folder. Nothing is read or written yet. A folder that does not exist is an empty store
    /// if the folder's parent exists.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn path(&self, id: &str) -> Result<PathBuf, FileStoreError> {
        let path = self.folder.join(format!("{PREFIX}{id}{SUFFIX}"));
        match validate_id("key ID", id) {
            Ok(()) => Ok(path),
            Err(e) => Err(FileStoreError { path: self.folder.clone(), cause: Cause::Invalid(e) }),
        }
    }
}

impl KeyStore for FileStore {
    type Error = FileStoreError;

    fn load(&mut self) -> Result<Vec<SigningKey>, FileStoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == ErrorKind::NotFound && can_be_created(&self.folder) => return Ok(Vec::new()),
            entries => entries.map_err(|e| FileStoreError::io(&self.folder, e))?,
        };
        let mut keys = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| FileStoreError::io(&self.folder, e))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let id = name.and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
            let Some(id) = id else { continue };
            match read(&path, id)? {
                Some(key) => keys.push(key),
                // The file has just been removed, unless it is a dangling link.
                None if fs::symlink_metadata(&path).is_err() => {}
                None => return Err(FileStoreError::io(&path, ErrorKind::NotFound.into())),
            }
        }
        Ok(keys)
    }

    /// Tries everything that [`save`](Self::save) does.
    fn prepare(&mut self) -> Result<(), FileStoreError> {
        let attempt = || {
            create_folder(&self.folder)?;
            let (path, _) = create_beside(&self.folder.join("prepare"))?;
            fs::remove_file(&path)?;
            write_new(&path, &[0; TRIAL_LENGTH])?;
            fs::remove_file(&path)?;
            sync(&self.folder)
        };
        attempt().map_err(|e| FileStoreError::io(&self.folder, e))
    }

    fn save(&mut self, key: &SigningKey) -> Result<(), FileStoreError> {
        let path = self.path(&key.id)?;
        let text = key.to_json();
        if let Err(e) = SigningKey::from_json(text.expose_secret()) {
            return Err(FileStoreError { path, cause: Cause::Invalid(e) });
        }
        create_folder(&self.folder).map_err(|e| FileStoreError::io(&self.folder, e))?;
        match write_new(&path, text.expose_secret().as_bytes()) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => match read(&path, &key.id)? {
                Some(known) if known.has_same_private_key(key) => {}
                _ => return Err(FileStoreError { path, cause: Cause::OtherKey }),
            },
            written => written.map_err(|e| FileStoreError::io(&path, e))?,
        }
        sync(&self.folder).map_err(|e| FileStoreError::io(&self.folder, e))
    }

    fn remove(&mut self, id: &str) -> Result<(), FileStoreError> {
        let path = self.path(id)?;
        match fs::remove_file(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| sync(&self.folder)).map_err(|e| FileStoreError::io(&path, e)),
        }
    }
}

/// Reads the key in a file. Returns `None` if the file does not exist.
fn read(path: &Path, id: &str) -> Result<Option<SigningKey>, FileStoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(FileStoreError::io(path, e)),
    };
    let key = SigningKey::from_json(&text);
    let key = key.map_err(|e| FileStoreError { path: path.to_path_buf(), cause: Cause::Invalid(e) })?;
    match key.id == id {
        true => Ok(Some(key)),
        false => Err(FileStoreError { path: path.to_path_buf(), cause: Cause::Misnamed(key.id) }),
    }
}

/// Writes a new file durably. The file is complete as soon as it exists.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let (temporary, mut file) = create_beside(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    // Unlike a rename, a link never replaces a file.
    let linked = written.and_then(|()| fs::hard_link(&temporary, path));
    fs::remove_file(&temporary)?;
    linked
}

/// Creates a file that only its owner can read, with a name that no other file has.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(format!(".{}-{number}.tmp", process::id()));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&temporary) {
            // An earlier process with the same ID left this file behind.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            file => return Ok((temporary.into(), file?)),
        }
    }
}

/// Returns whether a folder that does not exist can be created: its parent exists, and the folder is not a dangling
/// link.
fn can_be_created(folder: &Path) -> bool {
    let parent = folder.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    fs::symlink_metadata(folder).is_err() && parent.is_some_and(Path::is_dir)
}

/// Creates the folder unless it exists. Its parent must exist.
fn create_folder(folder: &Path) -> io::Result<()> {
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => created.and_then(|()| sync(&folder.join(".."))),
    }
}

/// Makes changes to a folder durable. Only Unix can open a folder.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

impl FileStoreError {
    fn io(path: &Path, cause: io::Error) -> Self {
        Self { path: path.to_path_buf(), cause: Cause::Io(cause) }
    }
}

impl fmt::Display for FileStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.cause {
            Cause::Io(e) => e.fmt(f),
            Cause::Invalid(e) => e.fmt(f),
            Cause::Misnamed(id) => write!(f, "file contains key {id}; rename the file to {PREFIX}{id}{SUFFIX}"),
            Cause::OtherKey => f.write_str("file contains another key with this ID; nothing was changed"),
        }
    }
}

impl fmt::Debug for FileStoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl error::Error for FileStoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.cause {
            Cause::Io(e) => e.source(),
            Cause::Invalid(e) => e.source(),
            Cause::Misnamed(_) | Cause::OtherKey => None,
        }
    }
}

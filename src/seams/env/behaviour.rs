//! One story told to every [`Disk`]: what storage relies on besides crashes.

use std::{io::ErrorKind, path::Path};

use super::{Disk, RealDisk, SimDisk};

fn behaves(disk: &dyn Disk) {
    let p = Path::new;
    disk.create_dir(p("")).unwrap();
    disk.create_dir(p("a/b")).unwrap();
    disk.create_dir(p("a/b")).unwrap();
    disk.sync_dir(p("a")).unwrap();
    disk.sync_dir(p("")).unwrap();
    assert_eq!(disk.create(p("nowhere/x")).err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.list(p("nowhere")).err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.sync_dir(p("nowhere")).err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.open(p("a/none")).err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.remove(p("a/none")).err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.rename(p("a/none"), p("a/x")).err().unwrap().kind(), ErrorKind::NotFound);

    let mut writer = disk.create(p("a/one")).unwrap();
    writer.append(b"hello ").unwrap();
    writer.append(b"").unwrap();
    writer.append(b"world").unwrap();
    writer.sync().unwrap();
    assert_eq!(disk.create(p("a/one")).err().unwrap().kind(), ErrorKind::AlreadyExists);
    let file = disk.open(p("a/one")).unwrap();
    assert_eq!(file.len(), 11);
    let mut buf = [0; 5];
    file.read_at(&mut buf, 6).unwrap();
    assert_eq!(&buf, b"world");
    assert_eq!(file.read_at(&mut buf, 7).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(file.read_all().unwrap(), b"hello world");

    drop(disk.create(p("a/two")).unwrap());
    assert!(disk.open(p("a/two")).unwrap().is_empty());
    assert_eq!(disk.open(p("a/two")).unwrap().read_all().unwrap(), b"");
    assert_eq!(disk.list(p("a")).unwrap(), ["b", "one", "two"]);
    disk.sync_file(p("a/one")).unwrap();
    assert_eq!(disk.sync_file(p("a/none")).err().unwrap().kind(), ErrorKind::NotFound);

    disk.link(p("a/one"), p("a/b/same")).unwrap();
    assert_eq!(disk.link(p("a/one"), p("a/two")).err().unwrap().kind(), ErrorKind::AlreadyExists);
    assert_eq!(disk.link(p("a/none"), p("a/x")).err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(disk.link(p("a/one"), p("nowhere/x")).err().unwrap().kind(), ErrorKind::NotFound);
    disk.rename(p("a/one"), p("a/two")).unwrap();
    assert_eq!(disk.list(p("a")).unwrap(), ["b", "two"]);
    assert_eq!(disk.open(p("a/b/same")).unwrap().read_all().unwrap(), b"hello world");
    disk.remove(p("a/b/same")).unwrap();
    disk.rename(p("a/two"), p("a/b/three")).unwrap();
    assert_eq!(disk.open(p("a/b/three")).unwrap().len(), 11);
    disk.remove(p("a/b/three")).unwrap();
    assert!(disk.list(p("a/b")).unwrap().is_empty());
    file.read_at(&mut buf, 0).unwrap();
    assert_eq!(&buf, b"hello", "readers outlive the name");

    disk.create_dir(p("a/gone/deep")).unwrap();
    assert_eq!(disk.remove_dir(p("a/gone")).err().unwrap().kind(), ErrorKind::DirectoryNotEmpty);
    disk.remove_dir(p("a/gone/deep")).unwrap();
    disk.remove_dir(p("a/gone")).unwrap();
    assert_eq!(disk.remove_dir(p("a/gone")).err().unwrap().kind(), ErrorKind::NotFound);

    let lock = disk.lock(p("LOCK")).unwrap();
    assert_eq!(disk.lock(p("LOCK")).err().unwrap().kind(), ErrorKind::WouldBlock);
    assert_eq!(disk.lock_to_read(p("LOCK")).err().unwrap().kind(), ErrorKind::WouldBlock);
    drop(lock);
    drop(disk.lock_to_read(p("LOCK")).unwrap());
    drop(disk.lock(p("LOCK")).unwrap());
    assert_eq!(disk.list(p("")).unwrap(), ["LOCK", "a"]);
    assert!(disk.available().unwrap() > 0);
}

#[test]
fn the_real_disk_behaves() {
    let dir = tempfile::tempdir().unwrap();
    behaves(&RealDisk::new(dir.path().join("data")));
}

#[test]
fn the_simulated_disk_behaves() {
    behaves(&SimDisk::new());
}

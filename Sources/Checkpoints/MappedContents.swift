// # Mapping a file into memory
//
// The bytes of a file stay on disk until they are looked at. An empty file, a directory, a pipe or a device gives an
// error that says what it is.
//
// Read before: `CheckpointError.swift`. Read next: `JSONFile.swift`, `Checkpoint.swift`.

import Foundation

/// The contents of a file, mapped into memory; throws if it is missing, empty or not a regular file.
package func mappedContents(of url: URL) throws -> Data {
  let path = url.path
  guard url.isFileURL else {
    throw CheckpointError(
      file: url.absoluteString, problem: "this is not the address of a file", remedy: "give a path")
  }
  var status = stat()
  guard stat(path, &status) == 0 else {
    if errno == ENOENT {
      throw CheckpointError(
        file: path, problem: "there is no such file", remedy: "check the path")
    }
    throw CheckpointError.system(errno, "looking for the file", file: path)
  }
  let kind = status.st_mode & S_IFMT
  guard kind != S_IFDIR else {
    throw CheckpointError(file: path, problem: "this is a directory", remedy: "give the path of a file inside it")
  }
  // A pipe may have no writer, and a device no end.
  guard kind == S_IFREG else {
    let name = kind == S_IFIFO ? "a pipe" : "a device"
    throw CheckpointError(
      file: path, problem: "this is \(name), and only files are read", remedy: "write its contents into a file")
  }
  guard status.st_size > 0 else {
    throw CheckpointError(
      file: path, problem: "the file is empty",
      remedy: "give one that is whole: it may have been cut off while it was copied")
  }
  do {
    return try Data(contentsOf: url, options: .alwaysMapped)
  } catch {
    throw CheckpointError(
      file: path, problem: "the file cannot be read (\(error.localizedDescription))",
      remedy: "check its permissions and the disk")
  }
}

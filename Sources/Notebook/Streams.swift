// # Standard output, checked
//
// What a program prints is its result, and a result that cannot be written is a failure: a full disk behind `>` must
// not end in status 0. So everything for standard output goes through one function, which checks every write. A
// reader that went away (`| head`) has what it wanted; then we print no message.
//
// A program can be started with some of its first three descriptors closed. The next file that it opens would get the
// free number, and messages would be written into that file, perhaps a checkpoint. So we take these numbers before
// any file is opened.
//
// Read next: `Failure.swift`, `Page.swift`, `CommandLineText.swift`.

import Foundation

/// Standard output, in which every write is checked.
public enum StandardOutput {
  /// Why nothing more can be written.
  public struct Failure: Error, Equatable, CustomStringConvertible {
    /// The system's number of the error.
    let number: Int32

    /// Whether the reader at the other end of a pipe is gone: no fault, and there is nobody to tell.
    public var isReaderGone: Bool { number == EPIPE }

    /// What was wrong, in one sentence.
    public var description: String {
      "standard output cannot be written (\(String(cString: strerror(number)))), and the output so far may be"
        + " incomplete;" + (number == EBADF ? " do not close it" : " free some space, or write to another place")
    }
  }

  /// Takes the numbers of those of the three streams that are closed; evaluated before the first file is opened.
  private static let areNumbersTaken: Void = {
    // Reading from the first ends at once, writing to the second fails and is noticed, and the third takes what
    // comes.
    for (number, mode) in [(STDIN_FILENO, O_RDONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY)]
    where fcntl(number, F_GETFD) == -1 {
      let opened = open("/dev/null", mode)
      if opened >= 0 && opened != number { close(opened) }
    }
  }()

  /// Must be called before a program opens its first file.
  public static func begin() { _ = areNumbersTaken }

  /// Writes all of a text.
  ///
  /// Throws `Failure` if the system takes less.
  public static func write(_ text: String) throws {
    begin()
    var text = text
    try text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Foundation.write(STDOUT_FILENO, rest.baseAddress, rest.count)
        if count < 0 && errno == EINTR { continue }
        if count < 0 && errno == EAGAIN {
          // Another program has made the pipe non-blocking; wait until it accepts more.
          var waiting = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
          poll(&waiting, 1, -1)
          continue
        }
        guard count >= 0 else { throw Failure(number: errno) }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      }
    }
  }
}

// # Running a program and waiting for it
//
// Foundation's Process starts a thread to wait for its children, and if the system can start no thread, it waits for
// that thread for ever. The system's own calls need no thread: we start the child and ask from time to time whether
// it has ended. A child that takes too long is asked to end, and then killed.
//
// Used by: Gnuplot.swift.

import Foundation

/// A program with its arguments, and how it is run.
struct ChildProcess {
  var executable: URL
  var arguments: [String]
  var environment: [String: String]
  var directory: URL
  /// The descriptor that takes what the child prints.
  var output: Int32

  /// How a child ended.
  enum Ending: Equatable {
    case status(Int32)
    case signal(Int32)
    case timedOut
    /// It never began; the system's words for why.
    case notStarted(String)
  }

  /// Runs it to its end; stops it after `seconds`, or two more if it does not end when asked.
  func run(atMost seconds: Double) -> Ending {
    var child: pid_t = 0
    let error = start(&child)
    if error != 0 { return .notStarted(String(cString: strerror(error))) }
    if let ending = wait(for: child, atMost: seconds) { return ending }
    kill(child, SIGTERM)
    if wait(for: child, atMost: 2) == nil {
      kill(child, SIGKILL)
      _ = wait(for: child, atMost: .infinity)
    }
    return .timedOut
  }

  /// Starts the child; returns 0, or the system's number of the error.
  private func start(_ child: inout pid_t) -> Int32 {
    #if canImport(Darwin)
    var actions: posix_spawn_file_actions_t?
    var attributes: posix_spawnattr_t?
    #else
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
    // A signal that this program ignores would be ignored by the child too.
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGPIPE, SIGTERM, SIGINT] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

    // Not every system's posix_spawn can change the folder; the shell can, and then becomes the program.
    let shell = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, directory.path, executable.absoluteURL.path]
    let words = (shell + arguments).map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in words + variables { free(text) } }
    return posix_spawn(&child, shell[0], &actions, &attributes, words, variables)
  }

  /// How a child ended; nil if it is still running after `seconds`.
  private func wait(for child: pid_t, atMost seconds: Double) -> Ending? {
    let start = ContinuousClock.now
    var pause: useconds_t = 500
    while true {
      var status: Int32 = 0
      let found = waitpid(child, &status, WNOHANG)
      if found == child { return status & 0x7f == 0 ? .status(status >> 8 & 0xff) : .signal(status & 0x7f) }
      // Somebody else has waited for it, or SIGCHLD is ignored: how it ended is unknown, and what it made is checked.
      if found < 0 && errno != EINTR { return .status(0) }
      if start.duration(to: .now) / .seconds(1) >= seconds { return nil }
      usleep(pause)
      pause = min(2 * pause, 10_000)
    }
  }
}

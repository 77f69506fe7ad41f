// # A connection between two processes
//
// As much of TCP as `Heartbeat.swift` needs: listen, connect, and send or receive a few bytes with a limit of time.
//
// Read next: `Heartbeat.swift`. Source: POSIX.1-2017.

import Foundation

#if canImport(Darwin)
private let streamKind = SOCK_STREAM
/// On Darwin a socket is told never to raise SIGPIPE when it is made; see `Socket.init`.
private let (noSignal, noWait) = (Int32(0), MSG_DONTWAIT)
#else
private let streamKind = Int32(SOCK_STREAM.rawValue)
private let (noSignal, noWait) = (Int32(MSG_NOSIGNAL), Int32(MSG_DONTWAIT))
#endif

/// One end of a TCP connection, or a port that waits for them; closed when it is released.
final class Socket: @unchecked Sendable {
  private let descriptor: Int32
  /// The port of a listening socket; 0 for a connection.
  let port: UInt16

  private init(_ descriptor: Int32, port: UInt16 = 0) {
    (self.descriptor, self.port) = (descriptor, port)
    Socket.neverSignal(descriptor)
  }

  /// Lets a message to a closed connection fail instead of ending the program.
  private static func neverSignal(_ descriptor: Int32) {
    #if canImport(Darwin)
    var on: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
    #endif
  }

  deinit { close(descriptor) }

  /// A socket that waits for connections on a free port of all of the machine's addresses.
  static func listening() throws -> Socket {
    let descriptor = socket(AF_INET, streamKind, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        descriptor >= 0 && bind(descriptor, $0, length) == 0 && listen(descriptor, 128) == 0
          && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isListening else {
      throw CommunicationError(
        problem: "it cannot listen on a port (\(String(cString: strerror(errno))))",
        remedy: "let programs on this machine use TCP")
    }
    return Socket(descriptor, port: UInt16(bigEndian: address.sin_port))
  }

  /// The addresses of this machine, those for other machines first.
  static func addresses() -> [String] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&first) == 0 else { return ["127.0.0.1"] }
    defer { freeifaddrs(first) }
    var found: [String] = []
    var next = first
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard let address = entry.ifa_addr, Int32(address.pointee.sa_family) == AF_INET else { continue }
      var text = [CChar](repeating: 0, count: 64)
      let length = socklen_t(MemoryLayout<sockaddr_in>.size)
      if getnameinfo(address, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
        found.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
      }
    }
    return found.filter { !$0.hasPrefix("127.") } + found.filter { $0.hasPrefix("127.") }
  }

  /// A connection to a port; nil if there is none within some seconds.
  init?(connectingTo host: String, _ port: UInt16, within seconds: Double) {
    let descriptor = socket(AF_INET, streamKind, 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    guard descriptor >= 0, inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return nil }
    (self.descriptor, self.port) = (descriptor, 0)
    Socket.neverSignal(descriptor)
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    let code = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if code != 0 {
      var (problem, length) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
      guard errno == EINPROGRESS, isReady(Int16(POLLOUT), within: seconds),
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &length) == 0, problem == 0
      else { return nil }
    }
    _ = fcntl(descriptor, F_SETFL, flags)
  }

  /// The next connection to this port; nil if there is none within some seconds.
  func accepted(within seconds: Double) -> Socket? {
    guard isReady(Int16(POLLIN), within: seconds) else { return nil }
    let descriptor = accept(self.descriptor, nil, nil)
    return descriptor < 0 ? nil : Socket(descriptor)
  }

  /// Sends words, or returns false.
  func send(_ words: [UInt64]) -> Bool {
    words.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, noSignal) == $0.count }
  }

  /// Sends a byte, or returns false; never waits.
  func sendByte(_ byte: UInt8) -> Bool {
    var byte = byte
    return Foundation.send(descriptor, &byte, 1, noSignal | noWait) == 1
  }

  /// Some words; nil if they have not come within some seconds.
  func received(_ count: Int, within seconds: Double) -> [UInt64]? {
    var bytes: [UInt8] = []
    let end = ContinuousClock.now + .seconds(seconds)
    while bytes.count < 8 * count, ContinuousClock.now < end {
      switch byte(within: seconds) {
      case .byte(let byte): bytes.append(byte)
      case .nothing: break
      case .closed: return nil
      }
    }
    guard bytes.count == 8 * count else { return nil }
    return bytes.withUnsafeBytes { all in
      (0..<count).map { all.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
    }
  }

  /// What has come within some time.
  enum Received { case byte(UInt8), nothing, closed }

  /// Waits for a byte.
  func byte(within seconds: Double) -> Received {
    guard isReady(Int16(POLLIN), within: seconds) else { return .nothing }
    var byte: UInt8 = 0
    let count = recv(descriptor, &byte, 1, 0)
    if count < 0, errno == EINTR || errno == EAGAIN { return .nothing }
    return count == 1 ? .byte(byte) : .closed
  }

  private func isReady(_ event: Int16, within seconds: Double) -> Bool {
    var request = pollfd(fd: descriptor, events: event, revents: 0)
    return poll(&request, 1, Int32(max(1, 1000 * seconds))) > 0
  }
}

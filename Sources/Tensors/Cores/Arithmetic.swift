// # What bits depend on
//
// The same program gives the same bits on every processor of a kind. It does not on every processor: OpenBLAS chooses
// its kernels by what it finds, and a product with wider registers adds in another order; another version of OpenBLAS may
// cut a sum in another place; and a few functions, such as log, come from the system's library. Ranks that work together
// compare all of them before they begin.
//
// Used by: `Communication/Job.swift`.

import COpenBLAS
import Foundation

/// What the bits of a result depend on besides the program and its input, in words: the number type, the version of
/// OpenBLAS and its kernels, the system's C library.
public func arithmeticOfThisMachine() -> String {
  #if canImport(Glibc)
  var text = [UInt8](repeating: 0, count: 64)
  text.withUnsafeMutableBytes { _ = confstr(Int32(_CS_GNU_LIBC_VERSION), $0.baseAddress, $0.count) }
  let library = String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
  #else
  let library = ProcessInfo.processInfo.operatingSystemVersionString
  #endif
  // "OpenBLAS 0.3.21 …", then how it was built
  let version = String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")
  return "\(scalarName), \(version) for \(String(cString: openblas_get_corename())), \(library)"
}

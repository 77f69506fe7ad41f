// # What a container may use
//
// A container sees all processors and all memory of its machine, and may use a part of them: a control group holds it
// to a quota. A program that starts a thread for each processor it sees is then stopped for most of every tenth of a
// second, in the middle of a loop whose other threads go on looking for work, and use up the quota with that. So we ask
// for the quota first. It is a number of processors, not always a whole one. It is rounded down: 1.5 processors are one
// thread that is never stopped, not two of which one waits for the other.
//
//     cgroup 2    cpu.max               "150000 100000": microseconds in each period, and the period; or "max 100000"
//                 memory.max            bytes, or "max"; memory.current is what is used
//                 memory.stat           of that, inactive_file is what was read from files and can be dropped
//     cgroup 1    cpu.cfs_quota_us      microseconds, −1 for no quota; the period is in cpu.cfs_period_us
//                 memory.limit_in_bytes bytes, a very large number for no limit; memory.usage_in_bytes is what is used
//                 memory.stat           of that, total_inactive_file can be dropped
//
// A group lies in others, and the tightest of them holds. The kernel names a process's groups in /proc/self/cgroup; in a
// container that name may be one of the machine outside, so folders that are not there are passed over, and the root,
// where a container sees its own group, is always looked at.
//
// Used by: `WorkerPool.swift`, `../Core/Storage.swift`. Source: Linux kernel, Documentation/admin-guide/cgroup-v2.rst
// and Documentation/scheduler/sched-bwc.rst.

import Foundation

/// The limits of the control groups that this process is in.
package struct ControlGroup {
  /// The folders of the groups, for processors and for memory, the innermost first.
  private let ofProcessors, ofMemory: [URL]

  /// - Parameters:
  ///   - root: where the file system of control groups is
  ///   - membership: the lines of /proc/self/cgroup, "number:controllers:/path"
  package init(root: URL, membership: String) {
    func folders(_ controller: String) -> [URL] {
      var folders: [URL] = []
      for line in membership.split(separator: "\n") {
        let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { continue }
        // In cgroup 2 the line names no controllers; a machine that has both puts cgroup 2 into a folder of its own.
        let tops: [URL]
        if parts[1].isEmpty {
          tops = [root, root.appending(path: "unified")]
        } else if parts[1].split(separator: ",").contains(Substring(controller)) {
          tops = [root.appending(path: controller), root.appending(path: String(parts[1]))]
        } else {
          continue
        }
        var names = parts[2].split(separator: "/").map(String.init)
        while true {
          folders += tops.map { top in names.reduce(top) { $0.appending(path: $1) } }
          if names.isEmpty { break }
          names.removeLast()
        }
      }
      return folders
    }
    (ofProcessors, ofMemory) = (folders("cpu"), folders("memory"))
  }

  /// The groups of this process.
  package static var own: ControlGroup {
    let membership = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? "0::/"
    return ControlGroup(root: URL(filePath: "/sys/fs/cgroup"), membership: membership)
  }

  /// The processors that may be used, the tightest quota of all groups; nil if there is none.
  package var processors: Double? {
    func quota(_ folder: URL) -> Double? {
      if let fields = words(folder, "cpu.max"), fields.count == 2 { return ratio(fields[0], fields[1]) }
      guard let quota = words(folder, "cpu.cfs_quota_us")?.first,
        let period = words(folder, "cpu.cfs_period_us")?.first
      else { return nil }
      return ratio(quota, period)
    }
    func ratio(_ quota: String, _ period: String) -> Double? {
      guard let quota = Double(quota), let period = Double(period), quota > 0, period > 0 else { return nil }
      return quota / period
    }
    return ofProcessors.compactMap(quota).min()
  }

  /// The bytes that may still be taken, the least of all groups; nil if there is no limit.
  package var memory: Int? {
    func left(_ folder: URL, _ limit: String, _ usage: String, _ droppable: String) -> Int? {
      guard let most = words(folder, limit)?.first.flatMap({ Int($0) }),
        let now = words(folder, usage)?.first.flatMap({ Int($0) })
      else { return nil }
      let fields = words(folder, "memory.stat") ?? []
      let files = zip(fields, fields.dropFirst()).first { $0.0 == droppable }.flatMap { Int($0.1) } ?? 0
      return max(0, most - max(0, now - files))
    }
    return ofMemory.compactMap { folder in
      left(folder, "memory.max", "memory.current", "inactive_file")
        ?? left(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    }.min()
  }

  private func words(_ folder: URL, _ file: String) -> [String]? {
    (try? String(contentsOf: folder.appending(path: file), encoding: .utf8))?
      .split(whereSeparator: \.isWhitespace).map(String.init)
  }
}

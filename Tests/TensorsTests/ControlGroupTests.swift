// # Control groups
//
// The files that the kernel shows for cgroup 1 and 2, written into a folder: the tightest limit holds, whichever group
// has it, and what is missing, unlimited or damaged is no limit.

import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct ControlGroupTests {
  /// The limits that the groups of a tree set.
  private func limits(
    _ files: [String: String], _ membership: String
  ) throws -> (processors: Double?, memory: Int?) {
    var limits: (Double?, Int?)
    try withTemporaryFolder { root in
      for (path, text) in files {
        let file = root.appending(path: path)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
      }
      let group = ControlGroup(root: root, membership: membership)
      limits = (group.processors, group.memory)
    }
    return limits
  }

  @Test(
    arguments: [
      ("150000 100000\n", 1.5), ("max 100000\n", nil), ("20000 10000", 2), ("100000", nil), ("", nil), ("a b", nil),
      ("0 100000", nil), ("100000 0", nil), ("-1 100000", nil),
    ] as [(String, Double?)])
  func quotaOfTwo(text: String, expected: Double?) throws {
    #expect(try limits(["cpu.max": text], "0::/\n").processors == expected)
  }

  @Test func theTightestGroupHolds() throws {
    let files = [
      "cpu.max": "max 100000", "a/cpu.max": "200000 100000", "a/b/cpu.max": "300000 100000",
      "a/b/c/cpu.max": "100000 100000", "a/memory.max": "1000", "a/memory.current": "900", "a/b/memory.max": "500",
      "a/b/memory.current": "10",
    ]
    #expect(try limits(files, "0::/a/b\n") == (2, 100))
    // What was read from files can be dropped.
    let more = ["a/memory.stat": "anon 5\ninactive_file 300\nactive_file 7\n", "a/b/memory.max": "max"]
    #expect(try limits(files.merging(more) { $1 }, "0::/a/b\n").memory == 400)
    // A path of the machine outside the container: its own group is the root.
    #expect(try limits(["cpu.max": "300000 100000"], "0::/../of/another\n").processors == 3)
    #expect(try limits([:], "0::/a/b\n") == (nil, nil))
  }

  @Test func versionOne() throws {
    let files = [
      "cpu/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_quota_us": "250000\n", "cpu/job/cpu.cfs_period_us": "100000\n",
      "memory/memory.limit_in_bytes": "9223372036854771712\n", "memory/memory.usage_in_bytes": "4096\n",
      "memory/job/memory.limit_in_bytes": "1000\n", "memory/job/memory.usage_in_bytes": "1200\n",
    ]
    #expect(try limits(files, "8:memory:/job\n3:cpu,cpuacct:/job\n0::/\n") == (2.5, 0))
    // The controllers of one folder may be named together.
    let together = ["cpu,cpuacct/cpu.cfs_quota_us": "50000", "cpu,cpuacct/cpu.cfs_period_us": "100000"]
    #expect(try limits(together, "3:cpu,cpuacct:/").processors == 0.5)
  }

  @Test(arguments: ["", "\n\n", "nonsense", "0:", "::", "0::"])
  func membershipThatSaysNothing(membership: String) throws {
    #expect(try limits(["cpu/cpu.cfs_quota_us": "50000"], membership) == (nil, nil))
  }

  // Whatever limits this test runs under: there is a thread, and none without a processor.
  @Test func ownLimitsAreUsable() {
    let (processors, own) = (ProcessInfo.processInfo.activeProcessorCount, ControlGroup.own.processors)
    let threads = WorkerPool.threads(cores: processors, quota: own, wish: nil)
    #expect((1...processors).contains(threads) && Double(threads) <= max(1, own ?? Double(processors)))
  }
}

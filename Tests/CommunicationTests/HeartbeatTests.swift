// # Ranks that fall silent
//
// The ranks are threads here, so none can be killed; but each has its connections, and what is closed or silent is
// noticed as it is with processes. `make mpi` kills processes.

import Communication
import Foundation
import TestSupport
import Testing

@Suite("signs of life", .tallied) struct HeartbeatTests {
  @Test func nothingIsReportedOfAJobThatEndsWell() throws {
    let heard = Heard()
    _ = try withRankThreads(4) { group in
      let heartbeat = try Heartbeat(group, interval: 0.02, patience: 5, addresses: ["127.0.0.1"]) {
        heard.add("\($0)")
      }
      Thread.sleep(forTimeInterval: 0.2)
      try heartbeat.finish()
    }
    Thread.sleep(forTimeInterval: 0.1)
    #expect(heard.all.isEmpty, "\(heard.all)")
  }

  // With an interval longer than the patience every rank is silent.
  @Test func silenceIsReportedWithWhatTheJobDid() throws {
    let heard = Heard()
    _ = try withRankThreads(2) { group in
      let heartbeat = try Heartbeat(
        group, interval: group.rank == 0 ? 0.05 : 60, patience: 0.4, addresses: ["127.0.0.1"]
      ) { heard.add("\($0)") }
      heartbeat.note("teacher, step 3 of 7")
      // The first byte of rank 1 counts; then there is none.
      Thread.sleep(forTimeInterval: 1.5)
      heartbeat.stop()
    }
    #expect(heard.all.count == 1)
    let text = heard.all.first ?? ""
    #expect(text.hasPrefix("rank 1: nothing was heard of it for") && text.contains("(teacher, step 3 of 7); run the"))
  }

  @Test func aRankThatHasSpokenIsNotReported() throws {
    let heard = Heard()
    _ = try withRankThreads(3) { group in
      let heartbeat = try Heartbeat(group, interval: 0.05, patience: 0.5, addresses: ["127.0.0.1"]) {
        heard.add("\($0)")
      }
      if group.rank == 2 { heartbeat.stop() }
      Thread.sleep(forTimeInterval: 1)
    }
    #expect(heard.all.isEmpty, "\(heard.all)")
  }

  @Test func anAddressThatLeadsNowhereIsAnError() {
    #expect(throws: CommunicationError.self) {
      _ = try withRankThreads(2) { group in
        // 192.0.2.0/24 is reserved for documentation: nobody is there.
        _ = try Heartbeat(group, interval: 0.05, patience: 0.5, addresses: ["192.0.2.1"]) { _ in }
      }
    }
  }
}

import Distillation
import Foundation
import Models
import Recipes

let a = CommandLine.arguments
let shop = try Workshop(isQuick: false, seed: UInt64(a[1])!, corpus: URL(filePath: "/tmp/kjv.txt"), out: URL(filePath: "/tmp/exp"))
let teacher = try shop.frozenTeacher()
let held = try shop.heldOut
print("teacher", crossEntropy(of: teacher, on: held.reported), crossEntropy(of: teacher, on: held.choosing))
for arm in Arm.allCases where a.count < 4 || a[3].contains(arm.slug) {
  for rate in a[2].split(separator: ",").map({ Double($0)! }) {
    let m = try shop.student(of: arm, rate: rate)
    let e = evaluate(m.model, against: teacher, on: held.reported)
    let c = crossEntropy(of: m.model, on: held.choosing)
    print(arm.rawValue, rate, "CE", e.crossEntropy.mean, "KL", e.divergence.mean, "agree", e.agreement.mean, "choose", c.mean)
  }
}

package actors

import (
	"maps"
	"slices"

	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// What a zone tells its agent may be lost. So it repeats what has no answer: starts
// until each is answered, the desired stages until a report names their version. What
// runs is part of the desired stages, which follow every stop.

// desire tells the agent what is to be ready, under a version above all before, and
// what runs: what else does is an orphan of a stop that was lost.
func (z *Zone) desire(now span.Time, want *messages.Desired, out *Effects) {
	want.Version = max(z.desired.GetVersion()+1, uint64(now)<<10)
	want.Running = nil
	for _, key := range slices.Sorted(maps.Keys(z.claims)) {
		if z.runs(now, key) {
			want.Running = append(want.Running, key)
		}
	}
	z.desired, z.stopped = want, false
	out.send(z.agent(), want)
}

// runs reports whether a claim is confirmed, so that its placement is to run.
func (z *Zone) runs(now span.Time, key string) bool {
	a, live := z.books.Allocation(now, key)
	return live && !a.Held
}

// start has the agent start a placement.
func (z *Zone) start(claimed *messages.Claimed, out *Effects) {
	c := claimed.GetClaim()
	class, _ := ClassOf(c.GetRequest())
	key := requestKey(c.GetUser(), c.GetRequest().GetId())
	z.starting[key] = true
	out.send(z.agent(), &messages.Start{
		Placement: key,
		Tenant:    c.GetTenant(),
		User:      c.GetUser(),
		Class:     class,
		Request:   c.GetRequest(),
		Version:   z.desired.GetVersion(),
	})
}

// stop has the agent end a placement, and then be told whether its unit stays.
func (z *Zone) stop(key string, out *Effects) {
	delete(z.starting, key)
	z.stopped, z.stale = true, true
	out.send(z.agent(), &messages.Stop{Placement: key})
}

// startAgain takes no start for answered, as after a crash.
func (z *Zone) startAgain(now span.Time) {
	for key := range z.claims {
		if z.runs(now, key) {
			z.starting[key] = true
		}
	}
}

// tellAgain repeats what the agent has not answered.
func (z *Zone) tellAgain(now span.Time, out *Effects) {
	for _, key := range slices.Sorted(maps.Keys(z.starting)) {
		z.start(z.claims[key], out)
	}
	if z.desired != nil && z.report.GetVersion() != z.desired.GetVersion() {
		out.send(z.agent(), z.desired)
	}
}

// remind sets the reminder to tell the agent again while it owes an answer.
func (z *Zone) remind(now span.Time, out *Effects) {
	owed := len(z.starting) > 0 || z.report.GetVersion() != z.desired.GetVersion()
	if owed && z.tellAt == 0 {
		z.tellAt = now.Add(retellAfter)
		out.wake(wakeTell, z.tellAt)
	}
}

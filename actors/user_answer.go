package actors

import (
	"github.com/zonecast/zonecast/actors/forecast"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// forecastMost is the longest horizon that is answered.
const forecastMost = 7 * span.Day

// forecast answers what the user is expected to need over a horizon, hour by hour.
func (u *User) forecast(now span.Time, m *messages.AskForecast, out *Effects) {
	horizon := span.Duration(m.GetHorizonMs())
	if horizon == 0 {
		horizon = intentSlots * intentSlot
	}
	if horizon < intentSlot || horizon > forecastMost {
		out.reply(m.GetRequestId(), refusal(messages.Code_CODE_INVALID, "the horizon must be from an hour to 7 days"))
		return
	}
	answer := &messages.Forecast{StartMs: int64(now.Floor(intentSlot)), SlotMs: int64(intentSlot)}
	if u.learned.habits == nil {
		answer.NotReady = "no request of this user has been seen yet"
	} else {
		u.forecastAccess(now, int(horizon/intentSlot), answer)
	}
	u.forecastUsage(now, int(horizon/intentSlot), answer)
	out.reply(m.GetRequestId(), answer)
}

// forecastAccess fills in the expected requests, in all and by zone.
func (u *User) forecastAccess(now span.Time, slots int, answer *messages.Forecast) {
	var e forecast.Expectation
	u.learned.habits.Expect(now, intentSlot, slots, &e)
	access := u.access(now)
	answer.Requests = make([]float32, slots)
	for i := range e.Zones {
		z := &e.Zones[i]
		f := &messages.ZoneForecast{Zone: z.Zone, Next: weightOf(access, z.Zone), Requests: perSlot(z.Rates)}
		for _, d := range z.Datasets {
			total, _ := totals(d.Rates)
			f.Datasets = append(f.Datasets, &messages.Weight{Name: d.Dataset, Weight: total})
		}
		for s, n := range f.Requests {
			answer.Requests[s] += n
		}
		answer.Zones = append(answer.Zones, f)
	}
}

// weightOf returns the weight of name, 0 where it is not listed.
func weightOf(list []*messages.Weight, name string) float64 {
	for _, w := range list {
		if w.GetName() == name {
			return w.GetWeight()
		}
	}
	return 0
}

// forecastUsage fills in quantiles of every resource.
func (u *User) forecastUsage(now span.Time, slots int, answer *messages.Forecast) {
	quantiles := make([]forecast.Quantiles, slots)
	for i, usage := range u.learned.usage {
		f := &messages.ResourceForecast{Resource: usageKinds[i]}
		for _, q := range usage.Forecast(now, now.Floor(intentSlot), intentSlot, quantiles) {
			f.P50, f.P90, f.P99 = append(f.P50, q[0]), append(f.P90, q[1]), append(f.P99, q[2])
		}
		answer.Resources = append(answer.Resources, f)
	}
}

// access returns the probability of each zone for the next request.
func (u *User) access(now span.Time) []*messages.Weight {
	if u.learned.habits == nil {
		return nil
	}
	u.learned.habits.Next(now, &u.next)
	list := make([]*messages.Weight, len(u.next.Zones))
	for i, z := range u.next.Zones {
		list[i] = &messages.Weight{Name: z.Name, Weight: z.Probability}
	}
	return list
}

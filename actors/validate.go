package actors

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/zonecast/zonecast/actors/resource"
	"github.com/zonecast/zonecast/actors/span"
	"github.com/zonecast/zonecast/messages"
)

// ErrInvalid is wrapped by every error about a message that cannot be right.
var ErrInvalid = errors.New("invalid")

// Bounds of what a message may state.
const (
	idPartMax = 128
	// durationMax is the longest request: what the books can look ahead.
	durationMax = 35 * span.Day
	listMax     = 64 // regions, labels, denied zones of one message
	quotasMax   = 1_024
	// offsetMax is how far a clock on earth is from UTC at most, in minutes.
	offsetMax = 14 * 60
	moneyMax  = 1 << 50
)

// CheckID returns an error that wraps ErrInvalid unless id is one part of an
// identity: 1 to 128 of the characters A-Z a-z 0-9 . _ @ : -.
func CheckID(what, id string) error {
	if len(id) == 0 || len(id) > idPartMax {
		return fmt.Errorf("%w: %s has %d characters, must have 1 to %d", ErrInvalid, what, len(id), idPartMax)
	}
	for i := range len(id) {
		c := id[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && !(c >= '0' && c <= '9') && !strings.ContainsRune("._@:-", rune(c)) {
			return fmt.Errorf("%w: %s %q has a character other than A-Z a-z 0-9 . _ @ : -", ErrInvalid, what, id)
		}
	}
	return nil
}

// SplitUser returns the tenant and the user of a user actor's id, tenant/user.
func SplitUser(id string) (tenant, user string, err error) {
	tenant, user, found := strings.Cut(id, "/")
	if !found {
		return "", "", fmt.Errorf("%w: user %q must be tenant/user", ErrInvalid, id)
	}
	return tenant, user, errors.Join(CheckID("tenant", tenant), CheckID("user", user))
}

// CheckRequest returns an error that wraps ErrInvalid and names the field unless
// r can be placed.
func CheckRequest(r *messages.Request) error {
	if r == nil {
		return fmt.Errorf("%w: the request is missing", ErrInvalid)
	}
	if err := CheckID("request id", r.GetId()); err != nil {
		return err
	}
	need := VectorOf(r.GetNeed())
	if err := need.Validate(resource.MaxAmount); err != nil {
		return fmt.Errorf("%w: need: %w", ErrInvalid, err)
	}
	if need.IsZero() {
		return fmt.Errorf("%w: need: nothing is asked for", ErrInvalid)
	}
	if d := r.GetDurationMs(); d < 0 || d > int64(durationMax) {
		return fmt.Errorf("%w: duration is %d ms, must be from 0 (open end) to %d", ErrInvalid, d, int64(durationMax))
	}
	if b := r.GetDatasetBytes(); b < 0 || b > resource.MaxAmount {
		return fmt.Errorf("%w: dataset bytes are %d, must be from 0 to %d", ErrInvalid, b, resource.MaxAmount)
	}
	if c := r.GetPriceCeilingMicros(); c < 0 || c > moneyMax {
		return fmt.Errorf("%w: price ceiling is %d, must be from 0 to %d", ErrInvalid, c, int64(moneyMax))
	}
	return errors.Join(checkPosition(r.GetPosition()), checkNames(r))
}

func checkNames(r *messages.Request) error {
	if r.GetImage() != "" {
		if err := CheckID("image", r.GetImage()); err != nil {
			return err
		}
	}
	if r.GetDataset() != "" {
		if err := CheckID("dataset", r.GetDataset()); err != nil {
			return err
		}
	}
	return errors.Join(checkIDs("region", r.GetRegions()), checkLabels(r.GetLabels()), checkIDs("denied zone", r.GetDenyZones()))
}

func checkIDs(what string, ids []string) error {
	if len(ids) > listMax {
		return fmt.Errorf("%w: %d times a %s, at most %d", ErrInvalid, len(ids), what, listMax)
	}
	for _, id := range ids {
		if err := CheckID(what, id); err != nil {
			return err
		}
	}
	return nil
}

// checkLabels: a label is a name, or name=value.
func checkLabels(labels []string) error {
	if len(labels) > listMax {
		return fmt.Errorf("%w: %d labels, at most %d", ErrInvalid, len(labels), listMax)
	}
	for _, label := range labels {
		name, value, found := strings.Cut(label, "=")
		if err := CheckID("label", name); err != nil {
			return err
		}
		if found && CheckID("label", value) != nil {
			return fmt.Errorf("%w: label %.200q must be a name, or name=value", ErrInvalid, label)
		}
	}
	return nil
}

// checkOwner returns an error unless user is tenant/user of this tenant.
func checkOwner(tenant, user string) error {
	of, _, err := SplitUser(user)
	if err == nil && of != tenant {
		err = fmt.Errorf("%w: user %s is none of tenant %q", ErrInvalid, user, tenant)
	}
	return err
}

func checkSettings(s *messages.UserSettings) error {
	if m := s.GetUtcOffsetMinutes(); m < -offsetMax || m > offsetMax {
		return fmt.Errorf("%w: the offset from UTC is %d minutes, must be from -%d to %d", ErrInvalid, m, offsetMax, offsetMax)
	}
	return errors.Join(checkWeights(s.GetWeights()),
		checkIDs("preferred region", s.GetPreferredRegions()), checkIDs("region of residency", s.GetResidency()))
}

func checkTenant(s *messages.TenantSpec) error {
	if s == nil {
		return fmt.Errorf("%w: the tenant's spec is missing", ErrInvalid)
	}
	if len(s.GetQuotas()) > quotasMax {
		return fmt.Errorf("%w: %d quotas, at most %d", ErrInvalid, len(s.GetQuotas()), quotasMax)
	}
	for _, q := range s.GetQuotas() {
		if err := CheckID("zone", q.GetZone()); err != nil {
			return err
		}
		if err := VectorOf(q.GetQuota()).Validate(resource.MaxCapacity); err != nil {
			return fmt.Errorf("%w: quota in %s: %w", ErrInvalid, q.GetZone(), err)
		}
	}
	return errors.Join(checkWeights(s.GetWeights()), checkIDs("region", s.GetRegions()))
}

func checkPosition(p *messages.Position) error {
	lat, lon := p.GetLat(), p.GetLon()
	if !(math.Abs(lat) <= 90 && math.Abs(lon) <= 180) { // false for NaN too
		return fmt.Errorf("%w: position %v, %v is not on earth", ErrInvalid, lat, lon)
	}
	return nil
}

func checkWeights(w *messages.CostWeights) error {
	for _, v := range []int64{w.GetSecondMicros(), w.GetCostSensitivityPermille(), w.GetRoundTripsPermille()} {
		if v < 0 || v > moneyMax {
			return fmt.Errorf("%w: a cost weight is %d, must be from 0 to %d", ErrInvalid, v, int64(moneyMax))
		}
	}
	return nil
}

func checkSpec(s *messages.ZoneSpec) error {
	if s == nil {
		return fmt.Errorf("%w: the zone's spec is missing", ErrInvalid)
	}
	if err := VectorOf(s.GetCapacity()).Validate(resource.MaxCapacity); err != nil {
		return fmt.Errorf("%w: capacity: %w", ErrInvalid, err)
	}
	if o := s.GetOvercommitPermille(); o < 0 || o > 10_000 {
		return fmt.Errorf("%w: overcommit is %d per mille, must be from 0 (none) to 10000", ErrInvalid, o)
	}
	if b := s.GetCacheBytes(); b < 0 || b > resource.MaxCapacity {
		return fmt.Errorf("%w: cache bytes are %d, must be from 0 to %d", ErrInvalid, b, resource.MaxCapacity)
	}
	p := s.GetPrices()
	for _, price := range []int64{p.GetCpuHourMicros(), p.GetGibHourMicros(), p.GetEgressGibMicros(), p.GetStagingPermille()} {
		if price < 0 || price > moneyMax {
			return fmt.Errorf("%w: a price is %d, must be from 0 to %d", ErrInvalid, price, int64(moneyMax))
		}
	}
	if s.GetRegion() != "" {
		if err := CheckID("region", s.GetRegion()); err != nil {
			return err
		}
	}
	return errors.Join(checkLabels(s.GetLabels()), checkPosition(s.GetPosition()))
}

// invalid returns err as the answer to a caller.
func invalid(err error) *messages.Error {
	return &messages.Error{Code: messages.Code_CODE_INVALID, Text: err.Error()}
}

func refusal(code messages.Code, text string) *messages.Error {
	return &messages.Error{Code: code, Text: text}
}

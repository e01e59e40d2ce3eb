package run

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/zonecast/zonecast/messages"
)

// encodeAnswer keeps a reply with its type: answers are few and of many types.
func encodeAnswer(m proto.Message) []byte {
	packed, err := anypb.New(m)
	if err != nil {
		panic("run: answer: " + err.Error()) // strings were validated on entry
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(packed)
	if err != nil {
		panic("run: answer: " + err.Error())
	}
	return b
}

func decodeAnswer(b []byte) (proto.Message, error) {
	var packed anypb.Any
	if err := proto.Unmarshal(b, &packed); err != nil {
		return nil, fmt.Errorf("stored answer: %w", err)
	}
	return packed.UnmarshalNew()
}

// SampleIdentity tells samples of one user apart: by zone and source, and by
// sequence or, where that is 0, by time. Sent twice, a sample counts once.
func SampleIdentity(s *messages.Sample) string {
	at := "t" + strconv.FormatInt(s.GetAtMs(), 36)
	if s.GetSequence() != 0 {
		at = "s" + strconv.FormatInt(s.GetSequence(), 36)
	}
	return s.GetZone() + "/" + s.GetSource() + "/" + at
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

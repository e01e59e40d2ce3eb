package trace

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/zonecast/zonecast/actors/resource"
)

// Zones is a zones file that was read, in the order of its rows.
type Zones struct {
	Zones    []Zone
	Warnings []string // what a user should know of the file as a whole
}

// Zone is one place with finite capacity. Prices are in millionths of the
// currency that the file uses.
type Zone struct {
	ID       string
	Lat, Lon float64 // degrees
	Capacity resource.Vector

	PriceCPUHourMicros   int64 // of one core for an hour
	PriceGiBHourMicros   int64 // of one GiB of memory for an hour
	PriceEgressGiBMicros int64 // of one GiB that leaves the zone
	// StagingPriceFactor times these prices is what staged, unused units cost.
	StagingPriceFactor float64

	CacheBytes int64 // for datasets; 0: as the replay chooses
	Region     string
	Labels     []string // ids
}

// unlimited stands for a resource that a zones file does not limit: the largest
// capacity that a zone may have.
var unlimited = strconv.FormatInt(resource.MaxCapacity, 10)

// zoneSchema is a zones file's columns, in the order in which they are written.
var zoneSchema = schema[Zone]{
	columns: []column[Zone]{
		idColumn("zone", required, "", func(z *Zone) *string { return &z.ID }),
		floatColumn("lat", required, "", -90, 90, func(z *Zone) *float64 { return &z.Lat }),
		floatColumn("lon", required, "", -180, 180, func(z *Zone) *float64 { return &z.Lon }),
		amountColumn("cpu_millicores", required, "", resource.MaxCapacity, func(z *Zone) *int64 { return &z.Capacity.CPU }),
		amountColumn("memory_bytes", required, "", resource.MaxCapacity, func(z *Zone) *int64 { return &z.Capacity.Memory }),
		amountColumn("storage_bytes", expected, unlimited, resource.MaxCapacity,
			func(z *Zone) *int64 { return &z.Capacity.Storage }),
		amountColumn("bandwidth_bps", expected, unlimited, resource.MaxCapacity,
			func(z *Zone) *int64 { return &z.Capacity.Bandwidth }),
		amountColumn("io_ops", optional, unlimited, resource.MaxCapacity, func(z *Zone) *int64 { return &z.Capacity.IO }),
		priceColumn("price_cpu_hour", required, "", func(z *Zone) *int64 { return &z.PriceCPUHourMicros }),
		priceColumn("price_gib_hour", required, "", func(z *Zone) *int64 { return &z.PriceGiBHourMicros }),
		priceColumn("price_egress_gib", optional, "0", func(z *Zone) *int64 { return &z.PriceEgressGiBMicros }),
		floatColumn("staging_price_factor", expected, "1", 0, 100, func(z *Zone) *float64 { return &z.StagingPriceFactor }),
		amountColumn("cache_bytes", optional, "0", resource.MaxCapacity, func(z *Zone) *int64 { return &z.CacheBytes }),
		idColumn("region", expected, "", func(z *Zone) *string { return &z.Region }),
		{"labels", optional, "", readLabels, func(z *Zone) string { return strings.Join(z.Labels, ";") }},
	},
	check: func(*Zone) error { return nil },
	most:  MaxZones,
}

func readLabels(field string, to *Zone) error {
	to.Labels = nil
	if field == "" {
		return nil
	}
	to.Labels = strings.Split(field, ";")
	for _, label := range to.Labels {
		if err := checkID(label, false); err != nil {
			return err
		}
	}
	return nil
}

// DecodeZones reads zones, gzipped or plain, from r. One bad row refuses the
// file: a zone that is silently missing would change every answer.
func DecodeZones(r io.Reader) (*Zones, error) {
	z := &Zones{}
	lineOf := map[string]int{}
	bad, warnings, err := decode(r, &zoneSchema, func(zone Zone, _, line int) error {
		if first := lineOf[zone.ID]; first != 0 {
			return fmt.Errorf("line %d: %w: zone %s is on line %d already", line, ErrValue, zone.ID, first)
		}
		lineOf[zone.ID] = line
		z.Zones = append(z.Zones, zone)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if bad.Total > 0 {
		return nil, &BadRowsError{len(z.Zones) + bad.Total, bad}
	}
	z.Warnings = warnings
	return z, nil
}

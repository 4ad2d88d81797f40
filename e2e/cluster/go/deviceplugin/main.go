// Command deviceplugin tells the kubelet, in its own device plugin protocol,
// of accelerators that do not exist. It is a part of the tests and the demo:
// pods are scheduled and limited as on a node with GPUs, but compute on the CPU.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	kubelet "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	socketName = "longshore-deviceplugin.sock"
	// How soon a restarted kubelet, which empties the folder of sockets, is told again.
	checkEvery  = time.Second
	registerMax = 10 * time.Second
)

func main() {
	resource := flag.String("resource", "nvidia.com/gpu", "name of the resource to advertise")
	count := flag.Int("count", 2, "how many devices to advertise")
	folder := flag.String("folder", kubelet.DevicePluginPath, "the kubelet's folder of device plugin sockets")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log.Printf("TEST PART: advertises %d of %s on this node; there is no accelerator behind them", *count, *resource)
	for ctx.Err() == nil {
		if err := advertise(ctx, *resource, *count, *folder); err != nil {
			log.Printf("will try again in %s: %v", checkEvery, err)
		}
		wait(ctx, checkEvery)
	}
}

// advertise serves and registers once, and returns when the kubelet has
// dropped the registration or the program is to end.
func advertise(ctx context.Context, resource string, count int, folder string) error {
	socket := filepath.Join(folder, socketName)
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	kubelet.RegisterDevicePluginServer(server, &plugin{devices: devices(count)})
	go server.Serve(listener) //nolint:errcheck // ends with Stop
	defer server.Stop()
	if err := register(ctx, resource, folder); err != nil {
		return err
	}
	log.Printf("registered %s with the kubelet", resource)
	for ctx.Err() == nil {
		if _, err := os.Stat(socket); errors.Is(err, fs.ErrNotExist) {
			log.Print("the kubelet restarted")
			return nil
		}
		wait(ctx, checkEvery)
	}
	return nil
}

func register(ctx context.Context, resource, folder string) error {
	ctx, cancel := context.WithTimeout(ctx, registerMax)
	defer cancel()
	connection, err := grpc.NewClient("unix://"+filepath.Join(folder, filepath.Base(kubelet.KubeletSocket)),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = kubelet.NewRegistrationClient(connection).Register(ctx, &kubelet.RegisterRequest{
		Version: kubelet.Version, Endpoint: socketName, ResourceName: resource,
	})
	return err
}

func devices(count int) []*kubelet.Device {
	list := make([]*kubelet.Device, count)
	for i := range list {
		list[i] = &kubelet.Device{ID: fmt.Sprintf("test-gpu-%d", i), Health: kubelet.Healthy}
	}
	return list
}

func wait(ctx context.Context, duration time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(duration):
	}
}

type plugin struct {
	kubelet.UnimplementedDevicePluginServer
	devices []*kubelet.Device
}

func (p *plugin) GetDevicePluginOptions(context.Context, *kubelet.Empty) (*kubelet.DevicePluginOptions, error) {
	return &kubelet.DevicePluginOptions{}, nil
}

// ListAndWatch reports the devices once: their health never changes.
func (p *plugin) ListAndWatch(_ *kubelet.Empty, stream kubelet.DevicePlugin_ListAndWatchServer) error {
	if err := stream.Send(&kubelet.ListAndWatchResponse{Devices: p.devices}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

// Allocate names the devices in the variable that NVIDIA's own plugin sets.
func (p *plugin) Allocate(_ context.Context, request *kubelet.AllocateRequest) (*kubelet.AllocateResponse, error) {
	response := &kubelet.AllocateResponse{}
	for _, container := range request.ContainerRequests {
		ids := strings.Join(container.DevicesIds, ",")
		log.Printf("allocated %s", ids)
		response.ContainerResponses = append(response.ContainerResponses,
			&kubelet.ContainerAllocateResponse{Envs: map[string]string{"NVIDIA_VISIBLE_DEVICES": ids}})
	}
	return response, nil
}

# The seven steps as a Capistrano task; tools.py copies it to config/deploy.rb. It runs them on one host after the
# other, with SSHKit's local backend (run_locally), so a host costs no SSH. The load balancer and the service are asked in
# Capistrano's own process, so that costs no process.
require "json"
require "net/http"
require "socket"
require "uri"

plan = JSON.parse(File.read(ENV.fetch("PEERS_PLAN")))
set :application, "hello"
set :format, :simpletext
set :log_level, :info
# One property: SSHKit takes an address or a port of a server for its own.
plan["targets"].each { |each| server each["name"], roles: [:app], at: each }

module Steps
  def self.mark(plan, name, event)
    now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    File.open(plan["marks"], "a") { |file| file.puts("#{name} #{event} #{now}") }
  end

  # Sends the signed call of the plan for one target (fleet.py), on a keep-alive connection.
  def self.call(plan, action, host)
    address, port = plan["balancer"].split(":")
    @http ||= Net::HTTP.start(address, port.to_i)
    body, headers = host[:calls].fetch(action)
    answer = @http.post("/", body, headers)
    raise "#{action} answered #{answer.code}: #{answer.body}" unless answer.code == "200"
    answer.body
  end

  def self.await_state(plan, host, expected)
    poll(plan["poll_seconds"]) { call(plan, "DescribeTargetHealth", host).include?("<State>#{expected}</State>") }
  end

  def self.await_port(plan, host)
    poll(plan["port_poll_seconds"]) do
      TCPSocket.new(host[:address], host[:port]).close
      true
    rescue SystemCallError
      false
    end
  end

  def self.self_test(plan, host)
    answer = Net::HTTP.get_response(host[:address], plan["self_test"], host[:port])
    raise "the self-test answered #{answer.code}" unless answer.is_a?(Net::HTTPSuccess)
  end

  def self.poll(pause)
    deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 60
    until yield
      raise "not reached after 60 s" if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
      sleep pause
    end
  end
end

task :roll do
  version, artifact, digest = plan.values_at("version", "artifact", "digest")
  roles(:app).each do |server|
    at = server.properties.fetch(:at)
    host = { address: at["address"], port: at["port"], calls: at["calls"] }
    home = at["home"]
    archive, release = "#{home}/artifacts/#{version}.tar.gz", "#{home}/releases/#{version}"
    run_locally do
      Steps.mark(plan, server.hostname, "began")
      Steps.call(plan, "DeregisterTargets", host)
      Steps.await_state(plan, host, "unused")
      upload! artifact, archive
      execute "echo '#{digest}  #{archive}' | sha256sum --check --status" \
              " && mkdir -p #{release} && tar -xzf #{archive} -C #{release}"
      execute "#{home}/service.sh stop"
      execute "ln -sfn #{release} #{home}/current"
      execute "#{home}/service.sh start"
      Steps.await_port(plan, host)
      Steps.self_test(plan, host)
      Steps.call(plan, "RegisterTargets", host)
      Steps.await_state(plan, host, "healthy")
      Steps.mark(plan, server.hostname, "ended")
    end
  end
end

# The client alone: the server runs on Linux.
class Dfsctl < Formula
  desc "Command-line client of the DittoFS file server"
  homepage "https://dittofs.invalid/"
  url "https://dittofs.invalid/dittofs-0.1.0.tar.gz"
  version "0.1.0"
  license "MIT"

  depends_on "pkgconf" => :build
  depends_on "jansson"
  depends_on "libyaml"
  uses_from_macos "curl"

  def install
    system "mgmt/deploy/dfsctl-alone.sh", buildpath/"dfsctl.built"
    bin.install "dfsctl.built" => "dfsctl"
    system "sh", "-c", "VERSION=#{version} mgmt/guide/man/make.sh mgmt/guide/man/dfsctl.1.in " \
                       "mgmt/ctl/command.def mgmt/ctl/flag.def > dfsctl.1"
    man1.install "dfsctl.1"
    %w[bash zsh fish].each do |shell|
      text = Utils.safe_popen_read(bin/"dfsctl", "completion", shell)
      { "bash" => bash_completion/"dfsctl", "zsh" => zsh_completion/"_dfsctl", "fish" => fish_completion/"dfsctl.fish" }
        .fetch(shell).write(text)
    end
  end

  test do
    assert_match "dfsctl", shell_output("#{bin}/dfsctl --help")
  end
end

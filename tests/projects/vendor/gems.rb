# Puts gems and all that they need into vendor/cache, and writes the Gemfile.lock that says so: what a project has that
# takes nothing from rubygems.org. The gems are Debian's own, with their compiled parts.
require "fileutils"
require "rubygems/package"
require "tmpdir"

found = {}
wanted = ARGV.dup
while (name = wanted.shift)
  next if found[name]
  found[name] = Gem::Specification.find_by_name(name)
  wanted.concat(found[name].runtime_dependencies.map(&:name))
end

FileUtils.mkdir_p("vendor/cache")
made = found.values.sort_by(&:name).map do |known|
  Dir.mktmpdir do |folder|
    package = ["ruby-#{known.name.tr("_", "-")}", known.name].find { |one| system("dpkg -L #{one} >/dev/null 2>&1") }
    package ||= "ruby-#{known.name.delete("_")}"
    IO.popen(["dpkg", "-L", package], &:readlines).map(&:chomp).each do |file|
      below = file[%r{/(?:vendor_ruby(?:/\d[\d.]*)?|gems/#{known.full_name}/lib)/(.+)}, 1]
      below ||= file[%r{/extensions/.+/#{known.full_name}/(.+\.so)$}, 1]
      next unless below && File.file?(file)
      to = File.join(folder, "lib", below)
      FileUtils.mkdir_p(File.dirname(to))
      FileUtils.cp(file, to)
    end
    known.executables.each do |program|
      FileUtils.mkdir_p(File.join(folder, known.bindir))
      # Where Debian has the gem as it was, what is in /usr/bin only calls it.
      from = [known.bin_file(program), "/usr/bin/#{program}"].find { |one| File.exist?(one) }
      FileUtils.cp(from, File.join(folder, known.bindir, program))
    end
    gem = known.dup
    gem.extensions = []
    compiled = Dir[File.join(folder, "lib/**/*.so")].any?
    gem.platform = compiled ? Gem::Platform.local : Gem::Platform::RUBY
    Dir.chdir(folder) do
      gem.files = Dir["**/*"].select { |file| File.file?(file) }
      Gem::Package.build(gem, true)
    end
    FileUtils.mv(Dir[File.join(folder, "*.gem")], "vendor/cache")
    gem
  end
end

lock = +"GEM\n  remote: https://rubygems.org/\n  specs:\n"
made.each do |gem|
  platform = gem.platform == Gem::Platform::RUBY ? "" : "-#{gem.platform}"
  lock << "    #{gem.name} (#{gem.version}#{platform})\n"
  gem.runtime_dependencies.sort_by(&:name).each do |one|
    asked = one.requirement.as_list.sort.reverse.join(", ")
    lock << "      #{one.name}#{asked == ">= 0" ? "" : " (#{asked})"}\n"
  end
end
lock << "\nPLATFORMS\n  #{Gem::Platform.local}\n\nDEPENDENCIES\n"
ARGV.sort.each { |name| lock << "  #{name}\n" }
File.write("Gemfile.lock", lock)
